/** Keeps what a member cannot read out of the log: an entry in it would stop that member for good. */
import { RpcError } from '../../transport/rpc/rpc.js';
import { FEATURES, type FeatureName, isOpen } from '../control-plane/features.js';
import type { ControlState } from '../control-plane/state.js';

/** Fails while the swarm writes commands of a version before, since a member reads no later one. */
export function requireFeature(
  { control }: { readonly control: Pick<ControlState, 'commandVersion'> },
  name: FeatureName,
): void {
  if (isOpen(control, name)) return;
  throw new RpcError(
    'refused',
    `a member of this swarm runs a release that knows no ${FEATURES[name].what}; upgrade all ` +
      'members first',
    { reason: 'release-too-old' },
  );
}

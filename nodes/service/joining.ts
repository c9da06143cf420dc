/** Whether a new node may be admitted to the swarm with the release that it runs. */
import { RpcError } from '../../transport/rpc/rpc.js';
import { isFencedOut } from '../control-plane/apply-rollout.js';
import type { ControlState } from '../control-plane/state.js';

interface JoiningRelease {
  /** Missing when the release of the new node is one that does not say it. */
  readonly release?: string | undefined;
  /** The newest command version that it reads. */
  readonly commandVersion: number;
}

/**
 * Call with a state that is not behind the swarm.
 * @throws RpcError `refused` with the reason `release-too-old` or `fenced`.
 */
export function requireJoinable(control: ControlState, joining: JoiningRelease): void {
  if (joining.commandVersion < control.commandVersion) {
    throw new RpcError(
      'refused',
      'the members of this swarm write their log in a form that the release of the new node does ' +
        'not read; join with the release of the members',
      { reason: 'release-too-old' },
    );
  }
  if (!isFencedOut(control, joining)) return;
  const to = control.rollout?.plan.to ?? '';
  throw new RpcError(
    'refused',
    `this swarm was brought to release ${to}, and the new node runs ` +
      `${joining.release ?? 'one that does not say what it is'}; join with ${to}`,
    { reason: 'fenced' },
  );
}

/** Bytes of what operators ask of the members, in log entries and in the control state, version 5. */
import type { MembershipCommand, Placement } from '../control-plane/membership.js';
import type { Fields } from './fields.js';
import { NODES_MAX } from './limits.js';

const TOKEN_HASH_LENGTH_MAX = 64;

/** The fields behind version and kind. */
export function membershipFields(command: MembershipCommand): unknown[] {
  switch (command.type) {
    case 'setVoters':
      return [command.wanted, command.goneAfterMs];
    case 'drainMember':
      return [command.nodeId, command.drained];
    case 'leaveMember':
      return [command.nodeId];
    case 'replaceMember':
      return [command.nodeId, command.replaces];
    case 'setToken':
      return [command.which, command.hash];
  }
}

/** Throws a `NodeError` of code `malformed` that names the field. */
export function readMembershipCommand(
  type: MembershipCommand['type'],
  fields: Fields,
): MembershipCommand {
  switch (type) {
    case 'setVoters':
      return { type, wanted: fields.count('wanted'), goneAfterMs: fields.count('goneAfterMs') };
    case 'drainMember':
      return { type, nodeId: fields.count('nodeId'), drained: fields.boolean('drained') };
    case 'leaveMember':
      return { type, nodeId: fields.count('nodeId') };
    case 'replaceMember':
      return { type, nodeId: fields.count('nodeId'), replaces: fields.count('replaces') };
    case 'setToken':
      return {
        type,
        which: fields.oneOf('which', ['client', 'join', 'operator']),
        hash: fields.string('hash', TOKEN_HASH_LENGTH_MAX),
      };
  }
}

/** One array: the numbers, then ids of the drained and the leaving, and pairs of ids. */
export function placementFields(placement: Placement): unknown[] {
  const { wanted, goneAfterMs, drained, leaving, replaces } = placement;
  return [wanted, goneAfterMs, [...drained], [...leaving], [...replaces].map((pair) => [...pair])];
}

export function readPlacement(fields: Fields): Placement {
  const ids = (name: string): Set<number> =>
    new Set(fields.list(name, NODES_MAX, (list) => list.count('nodeId')));
  return {
    wanted: fields.count('wanted'),
    goneAfterMs: fields.count('goneAfterMs'),
    drained: ids('drained'),
    leaving: ids('leaving'),
    replaces: new Map(
      fields.list('replaces', NODES_MAX, (list) => {
        const pair = list.fields('pair');
        return [pair.count('nodeId'), pair.count('replaces')];
      }),
    ),
  };
}

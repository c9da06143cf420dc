/** The answer to a forwarded command, as it comes back from the leader. */
import { z } from 'zod';

import type { CommandRefusal, CommandResult } from '../control-plane/command.js';
import { NodeError } from '../errors.js';
import { HOST_LENGTH_MAX, NODES_MAX, PEER_ID_LENGTH_MAX } from './limits.js';

const count = z.number().int().nonnegative();

const commandResult = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), index: count, value: count }),
  z.object({ ok: z.literal(false), index: count, refusal: z.string().max(64) }),
]);

export function parseCommandResult(value: unknown): CommandResult {
  const parsed = commandResult.safeParse(value);
  if (!parsed.success) throw new NodeError('malformed', 'the leader sent no result of a command');
  const result = parsed.data;
  // A newer leader may know refusals that this release has no words for; they stay refusals.
  return result.ok ? result : { ...result, refusal: result.refusal as CommandRefusal };
}

const helloMembers = z.object({
  members: z
    .array(
      z.object({
        nodeId: count,
        peerId: z.string().max(PEER_ID_LENGTH_MAX),
        host: z.string().max(HOST_LENGTH_MAX),
        port: z.number().int().min(1).max(65_535),
      }),
    )
    .max(NODES_MAX),
});

/** The members in the answer to `client.hello`. */
export function parseMembers(value: unknown): z.infer<typeof helloMembers>['members'] {
  const parsed = helloMembers.safeParse(value);
  if (parsed.success) return parsed.data.members;
  throw new NodeError('malformed', 'a member told no list of members');
}

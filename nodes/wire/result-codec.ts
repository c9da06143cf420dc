/** The answer to a forwarded command, as it comes back from the leader. */
import { z } from 'zod';

import type { CommandRefusal, CommandResult } from '../control-plane/command.js';
import { NodeError } from '../errors.js';

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

import type { CommandRefusal, CommandResult } from './command.js';

/** The answer to a command that had its effect. */
export function done(index: number, value = 0): CommandResult {
  return { ok: true, index, value };
}

/** The answer to a command that changed nothing. */
export function refused(index: number, refusal: CommandRefusal): CommandResult {
  return { ok: false, index, refusal };
}

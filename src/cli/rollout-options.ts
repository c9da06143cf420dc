/** Options of a plan, the same for `plan` and `start`. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { messageOf } from '../../nodes/errors.js';
import { parseWindow } from '../../nodes/rollout/windows.js';
import type { GuardOptions, MaintenanceWindow, RolloutOptions } from '../client/index.js';
import { numberOf } from './number.js';
import { bytesOf, durationMsOf, timeOfDayMsOf } from './quantity.js';

/** What commander makes of the options below. */
export interface PlanFlags {
  readonly canaries?: number;
  readonly batchSize?: number;
  readonly maxUnavailable?: number;
  readonly soak?: number;
  readonly notBefore?: number;
  readonly window?: readonly MaintenanceWindow[];
  readonly autoFinalize: boolean;
  readonly rollbackWindow?: number;
  readonly guards: boolean;
  readonly guardWindow?: number;
  readonly guardWindows?: number;
  readonly errorRateMax?: number;
  readonly p99Factor?: number;
  readonly p99Floor?: number;
  readonly applyLagMax?: number;
  readonly memoryFactor?: number;
  readonly memoryMax?: number;
  readonly diskFreeMin?: number;
  readonly restartsMax?: number;
  readonly onUnhealthy?: 'rollback' | 'pause';
}

/** As the members have them (`nodes/rollout/limits.ts`); the soak covers the windows and one more. */
const GUARD_WINDOW_MS_DEFAULT = 5_000;
const GUARD_WINDOWS_DEFAULT = 2;

/** Adds the options that say how a plan is made. */
export function withPlanOptions(command: Command): Command {
  return command
    .option('--canaries <nodes>', 'nodes that go first, one at a time', whole)
    .option('--batch-size <nodes>', 'nodes of each batch after them (default: 1)', whole)
    .option('--max-unavailable <nodes>', 'nodes out of service at once (default: a batch)', whole)
    .option('--soak <time>', 'how long a node serves before the next (default: 15s)', durationMsOf)
    .option('--not-before <time>', 'nothing begins earlier: a date, or +2h', timeOfDayMsOf)
    .option(
      '--window <window>',
      "nodes begin only then, such as 'Mon-Fri 01:00-05:00 UTC'; repeatable",
      windowOf,
    )
    .option('--no-auto-finalize', 'wait for `rollout finalize` when all nodes are done')
    .option('--rollback-window <time>', 'for a rollback after the end (default: 72h)', durationMsOf)
    .option('--no-guards', 'do not watch the nodes that have switched')
    .option(
      '--guard-window <time>',
      'length of a window of measurement (default: 5s)',
      durationMsOf,
    )
    .option('--guard-windows <count>', 'unhealthy windows that halt it (default: 2)', whole)
    .option('--error-rate-max <share>', 'of requests, 0 to 1 (default: 0.02)', numberOf)
    .option('--p99-factor <factor>', 'times that of the other members (default: 3)', numberOf)
    .option('--p99-floor <time>', 'below it never unhealthy (default: 50ms)', durationMsOf)
    .option('--apply-lag-max <entries>', 'of the log (default: 5000)', whole)
    .option('--memory-factor <factor>', 'times that at the switch (default: 2)', numberOf)
    .option('--memory-max <bytes>', 'such as 2GiB (default: none)', bytesOf)
    .option('--disk-free-min <bytes>', 'such as 512MiB (default: 256MiB)', bytesOf)
    .option('--restarts-max <count>', 'since its switch (default: 1)', whole)
    .addOption(
      new Option('--on-unhealthy <action>', 'what the guards do (default: rollback)').choices([
        'rollback',
        'pause',
      ]),
    );
}

/** What the flags ask for; `isDefault` when nothing was said, and a former plan does as well. */
export function planOptionsOf(flags: PlanFlags): {
  readonly plan: RolloutOptions;
  readonly isDefault: boolean;
} {
  const given = present({
    canaries: flags.canaries,
    batchSize: flags.batchSize,
    maxUnavailable: flags.maxUnavailable,
    soakMs: flags.soak,
    notBeforeMs: flags.notBefore,
    windows: flags.window,
    rollbackWindowMs: flags.rollbackWindow,
    autoFinalize: flags.autoFinalize ? undefined : false,
  });
  const guards: GuardOptions = present({
    windowMs: flags.guardWindow,
    windows: flags.guardWindows,
    errorRateMax: flags.errorRateMax,
    p99Factor: flags.p99Factor,
    p99FloorMs: flags.p99Floor,
    applyLagMax: flags.applyLagMax,
    memoryFactor: flags.memoryFactor,
    memoryBytesMax: flags.memoryMax,
    diskFreeBytesMin: flags.diskFreeMin,
    restartsMax: flags.restartsMax,
    action: flags.onUnhealthy,
  });
  const hasGuards = Object.keys(guards).length > 0;
  if (!flags.guards && hasGuards) {
    throw new InvalidArgumentError('--no-guards and an option of the guards contradict each other');
  }
  const isDefault = flags.guards && !hasGuards && Object.keys(given).length === 0;
  if (!flags.guards) return { plan: { soakMs: 0, ...given, guards: null }, isDefault };
  const { windowMs = GUARD_WINDOW_MS_DEFAULT, windows = GUARD_WINDOWS_DEFAULT } = guards;
  return { plan: { soakMs: soakOf({ windowMs, windows }), ...given, guards }, isDefault };
}

/** For how long a node must soak, so that guards can halt the next one. */
export function soakOf(guards: { readonly windowMs: number; readonly windows: number }): number {
  return guards.windowMs * (guards.windows + 1);
}

function windowOf(text: string, before: readonly MaintenanceWindow[] = []): MaintenanceWindow[] {
  try {
    return [...before, parseWindow(text)];
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function whole(text: string): number {
  const value = numberOf(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError(`'${text}' is no whole number.`);
}

function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

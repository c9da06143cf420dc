/** `rollout plan | start | status | pause | resume | throttle | postpone | abort | rollback | finalize`. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { ClientError, hasEnded } from '../client/index.js';
import type { Rollout, RolloutChange, RolloutRequest, SwarmClient } from '../client/index.js';
import { addApprovalCommands, approvalLines, whenApproved } from './rollout-approval.js';
import { print, withClient, withConnection, withOperator } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError } from './failure.js';
import { numberOf } from './number.js';
import { durationMsOf, timeOfDayMsOf } from './quantity.js';
import { planOptionsOf, withPlanOptions } from './rollout-options.js';
import type { PlanFlags } from './rollout-options.js';
import { planLines } from './rollout-plan.js';
import { rolloutLines, statusLine } from './rollout-text.js';
import { progressOf, watchRollout } from './rollout-watch.js';

type Flags = ConnectionFlags & { readonly json?: boolean };
type WaitFlags = Flags & { readonly wait: boolean };

const INTERVAL_MS = 500;

export function addRolloutCommands(program: Command): void {
  const rollout = program
    .command('rollout')
    .description('Move a swarm to version 2, or to another release of the program, node by node')
    .addHelpText('after', EXIT_CODES);
  const add = (name: string, description: string, reach = withOperator): Command =>
    reach(rollout.command(name)).description(description).option('--json', 'print one JSON object');
  const addForward = (name: string, description: string, reach = withOperator): Command =>
    withPlanOptions(
      add(name, description, reach).argument('<version>', 'v2, or a release', versionOf),
    );

  const planning = 'Print what a rollout would do, and its digest; changes nothing';
  addForward('plan', planning, withConnection).action(plan);
  addForward('start', 'Start a rollout, and follow it')
    .option('--digest <digest>', 'run only the plan that `rollout plan` printed')
    .addOption(
      new Option(
        '--approve <how>',
        'only if more than two thirds of the members vote for it',
      ).choices(['bft']),
    )
    .option('--no-wait', 'return as soon as the swarm has agreed to start')
    .action(start);
  const looking = 'Show where each node is; exit code 1 if there has been no rollout';
  add('status', looking, withConnection)
    .argument('[version]', 'v2, or a release', versionOf)
    .option('--watch', 'go on until it has ended')
    .option('--interval <time>', 'between two looks (default: 500ms)', durationMsOf)
    .action(status);
  add('pause', 'Let no further node begin; those that are cordoned end what they began')
    .option('--reason <text>', 'told by `rollout status`')
    .action((flags: Flags & { reason?: string }) =>
      change(flags, { action: 'pause', ...reasonOf(flags) }),
    );
  add('resume', 'Go on after a pause, or begin before the time of a schedule').action(
    (flags: Flags) => change(flags, { action: 'resume' }),
  );
  add('throttle', 'Change how many nodes are out of service at once, or how long each soaks')
    .option('--max-unavailable <nodes>', 'nodes between cordon and rejoin at once', numberOf)
    .option('--soak <time>', 'how long a node serves before the next', durationMsOf)
    .action(throttle);
  add('postpone', 'Let nothing new begin before a time')
    .argument('<time>', 'a date, or +2h', timeOfDayMsOf)
    .action((notBeforeMs: number, flags: Flags) =>
      change(flags, { action: 'postpone', notBeforeMs }),
    );
  add('abort', 'Stop a rollout that is not finalized; every node goes back, nothing is lost')
    .argument('[version]', 'v2, or a release', versionOf)
    .option('--no-wait', 'return as soon as the swarm has agreed')
    .action(abort);
  add('rollback', 'Go back to where it began, also after it was finalized, within its window')
    .option('--reason <text>', 'told by `rollout status`')
    .option('--no-wait', 'return as soon as the swarm has agreed')
    .action(rollback);
  add('finalize', 'Raise the version when all nodes are done and none may be late any more')
    .option('--no-wait', 'return as soon as the swarm has agreed')
    .action(finalize);
  addApprovalCommands(rollout);
  add('close-window', 'Give up the time for a rollback before it is over').action((flags: Flags) =>
    change(flags, { action: 'closeWindow' }),
  );
}

const EXIT_CODES =
  '\nExit codes: 0 done, 1 refused or failed; `start` and `status --watch` end with 1 as well when the\n' +
  'rollout was rolled back, aborted or paused.';

/** `v2`, or a name that begins like the version of a package. */
function versionOf(text: string): string {
  if (text === 'v2' || /^\d+\.\d+\.\d+/.test(text)) return text;
  throw new ExitError(
    1,
    `error: a swarm can be moved to v2 or to a release such as 2.1.0+ab12cd34ef56, not to '${text}'`,
  );
}

/** The defaults of this command are none of those of a member that knows no such plan. */
async function withDefaults<T>(
  flags: PlanFlags,
  ask: (request: RolloutRequest) => Promise<T>,
): Promise<T> {
  const { plan: options, isDefault } = checkedOptions(flags);
  try {
    return await ask({ plan: options });
  } catch (error) {
    const isOld = error instanceof ClientError && error.reason === 'release-too-old';
    if (!isOld || !isDefault) throw error;
    return ask({});
  }
}

function checkedOptions(flags: PlanFlags): ReturnType<typeof planOptionsOf> {
  try {
    return planOptionsOf(flags);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new ExitError(1, `error: ${error.message}`);
  }
}

async function plan(to: string, flags: Flags & PlanFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const answer = await withDefaults(flags, (request) => client.planRollout(to, request));
    print(flags.json, answer, planLines(answer).join('\n'));
  });
}

async function start(
  to: string,
  flags: WaitFlags & PlanFlags & { readonly digest?: string; readonly approve?: 'bft' },
): Promise<void> {
  await withClient(flags, async (client, through) => {
    const started = await (flags.approve === undefined
      ? withDefaults(flags, (request) => client.startRollout(to, flags.digest, request))
      : startApproved(client, to, flags, { approve: flags.approve, through }));
    const rollout = flags.wait ? await follow(client, started, isAtRest) : started;
    await finish(client, flags, rollout);
  });
}

/** All attempts are for one plan, whoever leads meanwhile. */
async function startApproved(
  client: SwarmClient,
  to: string,
  flags: WaitFlags & PlanFlags & { readonly digest?: string },
  /** The node that is asked first: who shows its key has approved the plan there. */
  asked: { readonly approve: 'bft'; readonly through: string },
): Promise<Rollout> {
  const { plan: options } = checkedOptions(flags);
  const digest = flags.digest ?? (await client.planRollout(to, { plan: options })).digest;
  const request = { plan: options, ...asked };
  return whenApproved((one) => one.startRollout(to, digest, request), client, flags.wait);
}

/** While it is of one of these, it goes on by itself. */
const MOVING: ReadonlySet<Rollout['status']> = new Set(['running', 'finalizing', 'rollingBack']);

/** The leader finalizes by itself what waits there only for that. */
function isAtRest({ status, plan }: Rollout): boolean {
  return !MOVING.has(status) && !(status === 'switched' && plan?.autoFinalize === true);
}

/** Shows every step on standard error until there is nothing more to wait for. */
async function follow(
  client: SwarmClient,
  started: Rollout,
  isOver: (rollout: Rollout) => boolean,
): Promise<Rollout> {
  const out = process.stderr;
  return watchRollout(client, started, { out, json: false, intervalMs: INTERVAL_MS, isOver });
}

async function status(
  _version: string | undefined,
  flags: Flags & { readonly watch?: boolean; readonly interval?: number },
): Promise<void> {
  await withClient(flags, async (client) => {
    const { rollout, clockMs, approvals } = await client.rollouts.status();
    const asked = approvals === undefined ? {} : { approvals };
    const askedLines = approvals === undefined ? [] : approvalLines(approvals);
    if (rollout === null) {
      if (flags.json === true) print(true, { rollout: null, ...asked }, '');
      else if (askedLines.length > 0) print(false, null, askedLines.join('\n'));
      throw new ExitError(1, 'this swarm has had no rollout');
    }
    if (flags.watch === true) {
      const last = await watchRollout(client, rollout, {
        out: process.stdout,
        json: flags.json === true,
        intervalMs: Math.max(50, flags.interval ?? INTERVAL_MS),
        isOver: (now) => hasEnded(now) || now.status === 'finalized',
      });
      requireForward(last);
      return;
    }
    const progress = await progressOf(client, rollout);
    const value = { rollout, clockMs, progress: Object.fromEntries(progress), ...asked };
    const lines = [...rolloutLines(rollout, { clockMs, progress }), ...askedLines];
    print(flags.json, value, lines.join('\n'));
  });
}

async function throttle(
  flags: Flags & { readonly maxUnavailable?: number; readonly soak?: number },
): Promise<void> {
  const { maxUnavailable, soak } = flags;
  if (maxUnavailable === undefined && soak === undefined) {
    throw new ExitError(1, 'error: say what to change: --max-unavailable NODES or --soak TIME');
  }
  await change(flags, {
    action: 'throttle',
    ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
    ...(soak === undefined ? {} : { soakMs: soak }),
  });
}

async function abort(_version: string | undefined, flags: WaitFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const asked = await client.abortRollout();
    const rollout = flags.wait ? await follow(client, asked, hasEnded) : asked;
    print(flags.json, { rollout }, rolloutLines(rollout).join('\n'));
  });
}

async function rollback(flags: WaitFlags & { readonly reason?: string }): Promise<void> {
  await withClient(flags, async (client) => {
    const asked = await client.rollouts.change({ action: 'rollback', ...reasonOf(flags) });
    const rollout = flags.wait ? await follow(client, asked, hasEnded) : asked;
    print(flags.json, { rollout }, rolloutLines(rollout).join('\n'));
  });
}

async function finalize(flags: WaitFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const asked = await client.rollouts.change({ action: 'finalize' });
    const rollout = flags.wait ? await follow(client, asked, isFenced) : asked;
    await finish(client, flags, rollout);
  });
}

function isFenced({ status }: Rollout): boolean {
  return status !== 'finalizing';
}

async function change(flags: Flags, wanted: RolloutChange): Promise<void> {
  await withClient(flags, async (client) => {
    const rollout = await client.rollouts.change(wanted);
    print(flags.json, { rollout }, rolloutLines(rollout).join('\n'));
  });
}

function reasonOf({ reason }: { readonly reason?: string }): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

/** Prints where it stands; fails when it went back or stopped. */
async function finish(client: SwarmClient, flags: Flags, rollout: Rollout): Promise<void> {
  const { clockMs } = await client.rollouts.status();
  print(flags.json, { rollout }, rolloutLines(rollout, { clockMs }).join('\n'));
  requireForward(rollout);
}

function requireForward(rollout: Rollout): void {
  if (!STOPPED.has(rollout.status)) return;
  throw new ExitError(1, `error: the rollout is ${statusLine(rollout)}`);
}

const STOPPED: ReadonlySet<Rollout['status']> = new Set([
  'paused',
  'rollingBack',
  'rolledBack',
  'aborted',
]);

/** `rollout approve | approvals`, and how `rollout start --approve bft` waits for the members. */
import { setTimeout as pause } from 'node:timers/promises';

import { type Command, Option } from 'commander';

import { ClientError } from '../client/index.js';
import type { ApprovalChange, Approvals, Rollout, SwarmClient } from '../client/index.js';
import { print, withOneNode } from './connection.js';
import { ExitError } from './failure.js';

interface OwnFlags {
  readonly data?: string;
  readonly json?: boolean;
}

interface SettingFlags extends OwnFlags {
  readonly policy?: 'operator' | 'any';
  readonly trust?: boolean;
}

/** Between two questions to the members that have not voted. */
const ASK_INTERVAL_MS = 1_000;

/** Adds them to `rollout`. They speak to one node, whose key is in the directory. */
export function addApprovalCommands(rollout: Command): void {
  const add = (name: string, description: string): Command =>
    rollout
      .command(name)
      .description(description)
      .option('--data <dir>', 'data directory of a node on this machine (or AGENTIC_FLOW_DATA)')
      .option('--json', 'print one JSON object');
  add('approve', 'Let the node of this directory vote for a plan, as `rollout plan` printed it')
    .argument('<digest>', 'digest of the plan', digestOf)
    .action(approve);
  add('approvals', 'Show or change what the node of this directory wants before a rollout')
    .argument('[wanted]', 'bft: no rollout without approval; none: any rollout', wantedOf)
    .addOption(
      new Option(
        '--policy <policy>',
        'what it votes for: what `rollout approve` names, or any plan',
      ).choices(['operator', 'any']),
    )
    .option('--trust', 'from now on the members as they are approve, and nobody else')
    .action(approvals);
}

function digestOf(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new ExitError(1, `error: a digest has 64 hexadecimal digits, as 'rollout plan' prints it`);
}

function wantedOf(text: string): 'bft' | 'none' {
  if (text === 'bft' || text === 'none') return text;
  throw new ExitError(1, `error: say bft or none, not '${text}'`);
}

async function approve(digest: string, flags: OwnFlags): Promise<void> {
  await withOneNode(ownNode(flags), async (client, only) => {
    const { servedBy: _, ...answer } = await client.rollouts.approve(digest, { only });
    const { state, reason } = answer;
    const text = reason === '' ? TEXTS[state] : `${TEXTS[state]}: ${reason}`;
    print(flags.json, answer, text);
    if (state === 'refused') throw new ExitError(1, `error: ${text}`);
  });
}

const TEXTS = {
  waiting: 'noted; this node votes for the plan when it is asked for',
  refused: 'this node does not vote for the plan',
  voting: 'this node votes for the plan',
  decided: 'the members have approved a plan',
} as const;

async function approvals(wanted: 'bft' | 'none' | undefined, flags: SettingFlags): Promise<void> {
  const change: ApprovalChange = {
    ...(wanted === undefined ? {} : { required: wanted === 'bft' }),
    ...(flags.policy === undefined ? {} : { policy: flags.policy }),
    ...(flags.trust === true ? { trust: true } : {}),
  };
  await withOneNode(ownNode(flags), async (client, only) => {
    const { approvals: now } = await client.rollouts.approvals(change, { only });
    print(flags.json, { approvals: now }, approvalLines(now).join('\n'));
  });
}

/** Of no peer and no token: they would be another key than that of the node. */
function ownNode({ data }: OwnFlags): { data?: string } {
  return data === undefined ? {} : { data };
}

/** What one node says of approvals, as lines. */
export function approvalLines(approvals: Approvals | null): string[] {
  if (approvals === null) return ['approvals: not used on this node'];
  const { required, policy, trusted, trustsMembers, refusal, proposals } = approvals;
  const votes = policy === 'any' ? 'any plan in order' : 'what its operator approves';
  const lines = [
    `approvals: ${required ? 'bft, no rollout without' : 'not required'}; votes for ${votes}; ` +
      `${trusted.length} members are trusted${trustsMembers ? '' : ', and they are not those of now'}`,
  ];
  if (refusal !== '') lines.push(`  takes no part in this rollout: ${refusal}`);
  for (const { digest, from, to, askedBy, state, reason } of proposals) {
    const why = reason === '' ? '' : `: ${reason}`;
    lines.push(`  plan ${digest}  ${from} -> ${to}  asked for by node ${askedBy}  ${state}${why}`);
  }
  return lines;
}

/**
 * Asks until enough members have voted for the plan as it is now, or of the digest that was given. Says on
 * standard error who is missing, whenever that changes.
 */
export async function whenApproved(
  start: (client: SwarmClient) => Promise<Rollout>,
  client: SwarmClient,
  waits: boolean,
): Promise<Rollout> {
  let said = '';
  for (;;) {
    try {
      return await start(client);
    } catch (error) {
      const isPending = error instanceof ClientError && error.reason === 'approval-pending';
      if (!isPending || !waits) throw error;
      if (error.message !== said) process.stderr.write(`waiting: ${error.message}\n`);
      said = error.message;
      await pause(ASK_INTERVAL_MS);
    }
  }
}

/** The process that runs Go's nodes: batches of commands in, views out, one JSON line each way. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { MessageType } from '../../consensus/raft/index.js';
import type { MessageView, NodeView, ProgressView } from './view.js';

/** The settings of a group, alike on both sides. Sizes are in bytes, times in ticks. */
export interface GroupConfig {
  readonly nodes: number;
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly forward: boolean;
  readonly messageBytes: number;
  readonly inflight: number;
  readonly uncommitted: number;
  readonly applyBytes: number;
}

/** A payload to propose. */
export interface Payload {
  readonly name: string;
  readonly bytes: number;
}

/** A membership change in letters: v1 adds a voter, l1 a learner, r1 removes, u1 updates. */
export interface ChangeCommand {
  readonly transition: 'auto' | 'jointExplicit';
  readonly changes: readonly string[];
}

/** One input of one node, as the driver takes it (`driver/main.go`). */
export type Command = {
  readonly lane: number;
  readonly node: number;
  readonly timeout: number;
  readonly hold: boolean;
} & (
  | { readonly op: 'tick' | 'campaign' | 'advance' }
  | { readonly op: 'group'; readonly group: GroupConfig }
  | { readonly op: 'deliver'; readonly message: number; readonly hint?: number }
  | { readonly op: 'propose'; readonly payloads: readonly Payload[] }
  | { readonly op: 'change'; readonly change: ChangeCommand }
  | { readonly op: 'transfer' | 'unreachable'; readonly peer: number }
  | { readonly op: 'report'; readonly peer: number; readonly ok: boolean }
  | { readonly op: 'read'; readonly context: string }
  | { readonly op: 'compact'; readonly snapshot: number; readonly index: number }
  | { readonly op: 'restart'; readonly ok: boolean }
);

/** A message of Go's, with the number under which it is delivered. */
export interface TheirMessage extends MessageView {
  readonly number: number;
  /** Of a refused append: the last index of the follower. */
  readonly hint: number;
}

/** A node of Go's. */
export interface TheirView extends NodeView {
  readonly panic?: string;
  readonly held: boolean;
  readonly progress: readonly (ProgressView & { readonly oldest: number })[];
  /** Whether `log` is told; if not, it has not changed. */
  readonly logShown: boolean;
  /** Term of the entry before `first`. */
  readonly base: number;
  /** Reads that wait for a quorum, and for the first commit of the term. */
  readonly waiting: number;
  readonly postponed: number;
  readonly messages: readonly TheirMessage[];
}

const TYPES: Readonly<Record<string, MessageType>> = {
  MsgApp: 'appendRequest',
  MsgAppResp: 'appendResponse',
  MsgHeartbeat: 'heartbeat',
  MsgHeartbeatResp: 'heartbeatResponse',
  MsgVote: 'voteRequest',
  MsgVoteResp: 'voteResponse',
  MsgPreVote: 'preVoteRequest',
  MsgPreVoteResp: 'preVoteResponse',
  MsgSnap: 'snapshot',
  MsgTimeoutNow: 'timeoutNow',
  MsgTransferLeader: 'transferLeader',
  MsgReadIndex: 'readIndexRequest',
  MsgReadIndexResp: 'readIndexResponse',
  MsgProp: 'proposeRequest',
};

type RawView = Partial<TheirView> & { messages?: (TheirMessage & { type: string })[] };

function complete(raw: RawView): TheirView {
  const messages = (raw.messages ?? []).map((message) => {
    const type = TYPES[message.type];
    if (type === undefined) throw new Error(`the driver sent a message of kind ${message.type}`);
    return { ...message, type };
  });
  const empty = { log: [], done: [], reads: [], progress: [] };
  return { ...empty, ...raw, messages } as unknown as TheirView;
}

/** Runs the driver at `path`. Throws an `Error` in `run` if it ends early. */
export class Driver {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor(path: string) {
    this.child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Gives each command to its node and returns what became of the nodes, in the same order. */
  async run(commands: readonly Command[]): Promise<readonly (readonly TheirView[])[]> {
    const line = `${JSON.stringify(commands)}\n`;
    if (!this.child.stdin.write(line)) await once(this.child.stdin, 'drain');
    const answer = await this.lines.next();
    if (answer.done === true) throw new Error('the driver ended early; see its output above');
    const views = JSON.parse(answer.value) as RawView[][];
    return views.map((each) => each.map(complete));
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.child.stdin.end();
    if (this.child.exitCode === null) await once(this.child, 'exit');
  }
}

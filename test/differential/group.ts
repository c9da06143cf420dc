/** One group of nodes on both sides: draws inputs, gives them to ours, and judges Go's answers. */
import type { Message, RaftInput } from '../../consensus/raft/index.js';
import { Random } from '../consensus/raft/random.js';
import {
  ReadPairs,
  type Use,
  compareMessage,
  compareReads,
  compareState,
  inOurOrder,
} from './compare.js';
import type { ChangeCommand, Command, GroupConfig, TheirView } from './driver.js';
import { type EventName, eventsOf } from './events.js';
import { type Hint, followerHint, leaderGuess, theirTermAt } from './hints.js';
import { Host } from './host.js';
import { type Flight, type Input, Inputs, drawConfig } from './inputs.js';
import { type Receiver, isMember, takesRead, whyLost } from './rules.js';
import { type Core, type NodeView, payloadBytes } from './view.js';

/** What both sides made of an input, where they differ. */
export interface Difference {
  readonly step: number;
  readonly node: number;
  readonly sentences: readonly string[];
  readonly config: GroupConfig;
  readonly theirs: TheirView;
  readonly ours: NodeView | undefined;
  /** The last inputs, the one that made the difference last. */
  readonly inputs: readonly string[];
}

const INPUTS_SHOWN = 25;

/** What a node with an outstanding ready must not get: see the rules `heldLeader`, `heldSnapshot`. */
const NOT_WHILE_HELD = new Set<Input['op']>(['tick', 'campaign', 'compact']);
const NOT_ARRIVING_WHILE_HELD = new Set<Message['type']>(['snapshot', 'timeoutNow']);

/** Inputs that rules keep from leaders at times. */
const DRAWN_BY_RULES = new Set<Input['op']>(['read', 'transfer', 'compact', 'unreachable']);

interface ExpectedHint extends Hint {
  readonly leaderTerm: number;
  readonly after: number;
}

/** See the head of this file. */
export class Group {
  readonly config: GroupConfig;
  private readonly random: Random;
  private readonly hosts: Host[];
  private readonly theirs: TheirView[] = [];
  private readonly pool: Flight[] = [];
  private readonly inputs: Inputs;
  private readonly pairs = new ReadPairs();
  private readonly hints: ExpectedHint[][];
  private readonly last: string[] = [];
  private readonly holds: number;
  private current: Input | undefined;
  private failure: unknown;
  steps = 0;
  /** Why the group ends before its time, if it does. */
  ended: 'both sides stopped' | 'a postponed read outlived its leader' | undefined;

  constructor(
    private readonly core: Core,
    readonly seed: number,
    private readonly lane: number,
    private readonly use: Use,
    private readonly saw: (event: EventName, times: number) => void,
  ) {
    this.random = new Random(seed);
    this.config = drawConfig(this.random);
    this.holds = this.random.pick([0, 0, 0.1, 0.3]);
    const timeout = this.drawTimeout();
    const { nodes } = this.config;
    this.hosts = Array.from(
      { length: nodes },
      (_, at) => new Host(core, at + 1, this.config, timeout),
    );
    this.hints = this.hosts.map(() => []);
    const { hosts, theirs, pool } = this;
    this.inputs = new Inputs(this.random, { hosts, theirs, pool });
    this.opening = { op: 'group', lane, node: 0, timeout, hold: false, group: this.config };
  }

  /** The command that makes the group in Go. */
  readonly opening: Command;

  private drawTimeout(): number {
    const { electionTicks } = this.config;
    return electionTicks + this.random.below(electionTicks);
  }

  /** Takes the answer to `opening`. */
  opened(views: readonly TheirView[]): void {
    this.theirs.push(...views);
  }

  private host(node: number): Host {
    return this.hosts[node - 1] as Host;
  }

  private receiver(node: number): Receiver {
    const host = this.host(node);
    const theirs = this.theirs[node - 1] as TheirView;
    return { ours: host.status, theirs, hasUnappliedChange: () => host.hasUnappliedChange() };
  }

  /** Draws an input, gives it to our node and returns it for Go's. */
  next(): Command {
    const input = this.drawInput();
    this.current = input;
    this.steps += 1;
    const host = this.host(input.node);
    const timeout = this.drawTimeout();
    const wantsHold = this.random.chance(this.holds);
    host.timeout = timeout;
    this.note(input);
    const extra = this.forGo(input);
    this.failure = undefined;
    let hold = false;
    try {
      this.giveToOurs(host, input);
      hold = host.isHeld || (wantsHold && host.status.role === 'follower' && host.hold());
      if (!hold) host.settle();
    } catch (error) {
      this.failure = error;
    }
    return { lane: this.lane, node: input.node, timeout, hold, ...extra };
  }

  private drawInput(): Input {
    for (;;) {
      const input = this.inputs.next();
      if (input.op === 'deliver' && this.loses(input.flight)) continue;
      if (!this.mayTake(input)) continue;
      const host = this.host(input.node);
      if (!host.isHeld) return input;
      const arriving = input.op === 'deliver' ? input.flight.ours.type : undefined;
      if (NOT_WHILE_HELD.has(input.op) || (arriving && NOT_ARRIVING_WHILE_HELD.has(arriving))) {
        return { op: 'advance', node: input.node };
      }
      return input;
    }
  }

  private loses(flight: Flight): boolean {
    const to = this.receiver(flight.ours.to);
    const rule = whyLost(flight.ours, to, leaderGuess(to.theirs, flight.ours));
    if (rule === undefined) return false;
    this.use(rule);
    this.remove(flight);
    return true;
  }

  private remove(flight: Flight): void {
    const at = this.pool.indexOf(flight);
    if (at >= 0) this.pool.splice(at, 1);
  }

  private mayTake(input: Input): boolean {
    if (!DRAWN_BY_RULES.has(input.op)) return true;
    const to = this.receiver(input.node);
    const { progress, first } = to.theirs;
    if (to.ours.role !== 'leader') return true;
    if (input.op === 'read') return takesRead(to);
    if (input.op === 'transfer') return !to.hasUnappliedChange();
    // Rule `compactionUnderProbe`.
    if (input.op === 'unreachable') {
      return progress.every(({ node, match }) => node !== input.peer || match + 1 >= first);
    }
    if (input.op !== 'compact') return true;
    return progress.every(
      ({ state, paused, next }) => state !== 'probe' || paused || next > input.index,
    );
  }

  private note(input: Input): void {
    const text =
      input.op === 'deliver'
        ? `deliver ${JSON.stringify(input.flight, hideData)}`
        : JSON.stringify(input);
    this.last.push(`${this.steps}: ${text}`);
    if (this.last.length > INPUTS_SHOWN) this.last.shift();
  }

  /** The part of the command that says what happens. */
  private forGo(input: Input) {
    if (input.op !== 'deliver') return input;
    const { flight } = input;
    const { ours: message, number } = flight;
    const view = this.theirs[input.node - 1] as TheirView;
    if (message.type === 'appendRequest') {
      const hint = followerHint(view, message);
      const expected = { ...hint, leaderTerm: message.term, after: message.index };
      this.hints[input.node - 1]?.push(expected);
    }
    if (!input.again) this.remove(flight);
    const isRefusal = message.type === 'appendResponse' && message.reject;
    // Rule `conflictHint`.
    const hint = isRefusal ? { hint: leaderGuess(view, message) } : {};
    return { op: 'deliver', message: number, ...hint } as const;
  }

  private giveToOurs(host: Host, input: Input): void {
    switch (input.op) {
      case 'compact':
        return host.compact(input.index);
      case 'restart':
        return host.restart(input.ok);
      case 'advance':
        return host.settle();
      case 'deliver': {
        const { ours: message } = input.flight;
        const isAnswer = message.type.endsWith('Response') && message.type !== 'readIndexResponse';
        if (isAnswer && !isMember(host.status, message.from)) return this.use('answerOfStranger');
        return host.step({ type: 'message', message: this.asOfOldPeer(message) });
      }
      default:
        return host.step(inputOf(input));
    }
  }

  /** Rule `refusedVoteCommit`. */
  private asOfOldPeer(message: Message): Message {
    const isVote = message.type === 'voteResponse' || message.type === 'preVoteResponse';
    return isVote && message.reject ? { ...message, index: 0, logTerm: 0 } : message;
  }

  /** Compares what Go's node has become. */
  judge([answer]: readonly TheirView[]): Difference | undefined {
    const { node, op } = this.current as Input;
    const host = this.host(node);
    const before = this.theirs[node - 1] as TheirView;
    const given = answer as TheirView;
    const theirs = given.logShown ? given : { ...given, log: before.log };
    if (theirs.panic !== undefined || this.failure !== undefined) {
      return this.judgeStop(theirs);
    }
    this.theirs[node - 1] = theirs;
    if (op === 'restart') this.hints[node - 1]?.splice(0);
    for (const event of eventsOf(before, theirs, op === 'compact')) this.saw(...event);
    const ours = host.show();
    const sentences = [
      ...compareState(theirs, ours, node),
      ...compareReads(theirs.reads, ours.reads, host.closedReads, this.use),
      ...this.judgeMessages(theirs, host.takeMessages(), op === 'advance'),
    ];
    if (!host.isHeld) this.hints[node - 1]?.splice(0);
    if (theirs.postponed > 0 && theirs.role !== 'leader') {
      this.ended = 'a postponed read outlived its leader';
      this.use('postponedReadKept');
    }
    return sentences.length === 0 ? undefined : this.difference(sentences, theirs, ours);
  }

  private difference(
    sentences: readonly string[],
    theirs: TheirView,
    ours: NodeView | undefined,
  ): Difference {
    const { steps, config, last } = this;
    const { node } = this.current as Input;
    return { step: steps, node, sentences, config, theirs, ours, inputs: last };
  }

  private judgeStop(theirs: TheirView): Difference | undefined {
    const { failure } = this;
    if (theirs.panic !== undefined && failure instanceof this.core.RaftAssertion) {
      this.ended = 'both sides stopped';
      return undefined;
    }
    const ours = failure instanceof Error ? (failure.stack ?? failure.message) : 'goes on';
    return this.difference([`Go ${theirs.panic ?? 'goes on'}, ours ${ours}`], theirs, undefined);
  }

  private judgeMessages(
    theirs: TheirView,
    messages: readonly Message[],
    wasHeld: boolean,
  ): string[] {
    const sorted = inOurOrder(theirs.messages);
    const found: string[] = [];
    for (let at = 0; at < Math.max(sorted.length, messages.length); at += 1) {
      const their = sorted[at];
      const our = messages[at];
      if (their === undefined || our === undefined) {
        const what = their ? `Go ${describe(their)}` : `ours ${describe(our)}`;
        found.push(`a message of one side only: ${what}`);
        continue;
      }
      found.push(...compareMessage(this.core, their, our, this.pairs));
      found.push(...this.checkOnItsOwn(theirs, our, wasHeld));
      this.pool.push({ ours: our, number: their.number });
    }
    return found;
  }

  /** The rules `refusedVoteCommit` and `conflictHint`. */
  private checkOnItsOwn(theirs: TheirView, message: Message, wasHeld: boolean): string[] {
    if (!message.reject) return [];
    const { type, from, index, term, rejectHint, logTerm } = message;
    if (type === 'appendResponse') {
      this.use('conflictHint');
      const delivered = this.hints[from - 1] ?? [];
      const at = delivered.findIndex((each) => each.leaderTerm === term && each.after === index);
      const [expected] = at < 0 ? [] : delivered.splice(at, 1);
      if (expected?.index === rejectHint && expected.term === logTerm) return [];
      const own = { index: rejectHint, term: logTerm };
      return [`hint by definition ${JSON.stringify(expected)}, ours ${JSON.stringify(own)}`];
    }
    this.use('refusedVoteCommit');
    const isCommit = wasHeld ? index <= theirs.commit : index === theirs.commit;
    if (isCommit && (theirTermAt(theirs, index) ?? logTerm) === logTerm) return [];
    return [`a refused vote names ${index} of term ${logTerm}, Go committed ${theirs.commit}`];
  }
}

function hideData(key: string, value: unknown): unknown {
  if (key === 'data') return (value as Uint8Array).length;
  return value;
}

function describe(message: unknown): string {
  return JSON.stringify(message, hideData);
}

function inputOf(input: Exclude<Input, { op: 'deliver' | 'compact' | 'restart' }>): RaftInput {
  switch (input.op) {
    case 'propose': {
      const data = input.payloads.map(({ name, bytes }) => payloadBytes(name, bytes));
      return { type: 'propose', data };
    }
    case 'change':
      return { type: 'proposeConfChange', change: decodeChange(input.change) };
    case 'read':
      return { type: 'readIndex', context: input.context };
    case 'transfer':
      return { type: 'transferLeader', to: input.peer };
    case 'unreachable':
      return { type: 'unreachable', peer: input.peer };
    case 'report':
      return { type: 'snapshotReport', peer: input.peer, ok: input.ok };
    case 'campaign':
      return { type: 'campaign' };
    default:
      return { type: 'tick' };
  }
}

function decodeChange({ transition, changes }: ChangeCommand) {
  const kinds = { v: 'addVoter', l: 'addLearner', r: 'remove', u: 'update' } as const;
  const decoded = changes.map((each) => ({
    type: kinds[each[0] as keyof typeof kinds],
    node: Number(each.slice(1)),
  }));
  return { transition, changes: decoded };
}

/** Members as processes, each connected with the three before it in a ring. */
import { createIdentity } from '../../transport/identity/index.js';
import { messageOf } from '../../src/topics/error.js';
import { topicPeerId } from '../../src/topics/index.js';
import { Child } from '../transport/child.js';
import type { MemberProgress, MemberReport, PublishRequest, StartRequest } from './member.js';

const NEIGHBOURS = 3;
/** Longest time that a member may take to come up, and for an answer. */
const ANSWER_MS_MAX = 45_000;

export class SwarmMember {
  readonly #name: string;
  readonly #privateKeyPem = createIdentity().privateKeyPem;
  readonly peerId = topicPeerId({ privateKeyPem: this.#privateKeyPem });
  #child: Child | undefined;
  /** Once started, kept for all later starts. */
  address: string | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Rejects with a sentence when it does not come up. */
  async start(allowed: readonly string[], peers: readonly string[]): Promise<void> {
    const child = new Child(new URL('./member.js', import.meta.url), []);
    this.#child = child;
    await this.#answered(child);
    const port = Number(/udp\/(\d+)/.exec(this.address ?? 'udp/0')![1]);
    const start = { privateKeyPem: this.#privateKeyPem, port, allowed, peers };
    const { addresses } = await this.#answered(child, { start });
    this.address = addresses[0];
  }

  /** With SIGKILL: nobody is told. */
  kill(): void {
    this.#child?.kill();
    this.#child = undefined;
  }

  /** Rejects with a sentence when it has died, or says nothing. */
  async ask(request: 'report'): Promise<MemberReport>;
  async ask(request: Exclude<Request, StartRequest>): Promise<MemberProgress>;
  async ask(request: Exclude<Request, StartRequest>): Promise<MemberProgress> {
    if (this.#child === undefined) throw new Error(`${this.#name} does not run`);
    return this.#answered(this.#child, request);
  }

  async #answered(child: Child, request?: Request): Promise<MemberProgress> {
    try {
      return (await child.ask(request, ANSWER_MS_MAX)) as MemberProgress;
    } catch (error) {
      // A failure comes with its stack: the first line says what it is.
      const [why] = messageOf(error).split('\n');
      throw new Error(`${this.#name}: ${why}`, { cause: error });
    }
  }
}

type Request = StartRequest | PublishRequest | { addPeers: string[] } | 'progress' | 'report';

export class TopicSwarm {
  readonly members: readonly SwarmMember[];

  constructor(size: number) {
    this.members = Array.from({ length: size }, (_, at) => {
      return new SwarmMember(`member ${at + 1} of ${size}`);
    });
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => this.startMember(member)));
    // Some were started before those that they are to dial.
    const told = this.members.map((member) => member.ask({ addPeers: this.#peersOf(member) }));
    await Promise.all(told);
  }

  async startMember(member: SwarmMember): Promise<void> {
    const allowed = this.members.map(({ peerId }) => peerId);
    await member.start(allowed, this.#peersOf(member));
  }

  reports(members: readonly SwarmMember[] = this.members): Promise<MemberReport[]> {
    return Promise.all(members.map((member) => member.ask('report')));
  }

  progress(members: readonly SwarmMember[] = this.members): Promise<MemberProgress[]> {
    return Promise.all(members.map((member) => member.ask('progress')));
  }

  /** Also of members that answer no more. */
  close(): void {
    for (const member of this.members) member.kill();
  }

  #peersOf(member: SwarmMember): string[] {
    const { length } = this.members;
    const at = this.members.indexOf(member);
    const before = Array.from({ length: Math.min(NEIGHBOURS, length - 1) }, (_, step) => {
      return this.members[(at + length - 1 - step) % length]!.address;
    });
    return before.filter((address) => address !== undefined);
  }
}

/** What reached whom. */
export interface Delivered {
  /** Pairs of a message and a subscriber that was to get it, and how many of them it got. */
  readonly wanted: number;
  readonly got: number;
  /** Messages that all those subscribers got. */
  readonly messages: number;
  readonly toAll: number;
  readonly latenciesMs: readonly number[];
}

/** What those that lived throughout published reached of each other. Throws on a second delivery. */
export function deliveryAmong(
  members: readonly SwarmMember[],
  reports: readonly MemberReport[],
): Delivered {
  let [got, messages, toAll] = [0, 0, 0];
  const latenciesMs: number[] = [];
  for (const [at, { published }] of reports.entries()) {
    const subscribers = reports.filter((_, other) => other !== at);
    const sets = subscribers.map(({ received }) => {
      const all = received.filter(({ from }) => from === members[at]!.peerId);
      const sequences = all.flatMap((one) => one.sequences);
      latenciesMs.push(...all.flatMap((one) => one.latenciesMs));
      const set = new Set(sequences);
      if (set.size !== sequences.length) throw new Error('a message was delivered twice');
      return set;
    });
    for (let sequence = 1; sequence <= published; sequence += 1) {
      const reached = sets.filter((set) => set.has(sequence)).length;
      got += reached;
      messages += 1;
      if (reached === subscribers.length) toAll += 1;
    }
  }
  return { wanted: messages * (members.length - 1), got, messages, toAll, latenciesMs };
}

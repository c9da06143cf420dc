/** Members as processes, each connected with the three before it in a ring. */
import { createIdentity } from '../../transport/identity/index.js';
import { topicPeerId } from '../../src/topics/index.js';
import { Child } from '../transport/child.js';
import type { MemberReport, PublishRequest, StartRequest } from './member.js';

const NEIGHBOURS = 3;

export class SwarmMember {
  readonly #privateKeyPem = createIdentity().privateKeyPem;
  readonly peerId = topicPeerId({ privateKeyPem: this.#privateKeyPem });
  #child: Child | undefined;
  /** Once started, kept for all later starts. */
  address: string | undefined;

  async start(allowed: readonly string[], peers: readonly string[]): Promise<void> {
    const child = new Child(new URL('./member.js', import.meta.url), []);
    this.#child = child;
    await child.ask();
    const port = Number(/udp\/(\d+)/.exec(this.address ?? 'udp/0')![1]);
    const start = { privateKeyPem: this.#privateKeyPem, port, allowed, peers };
    const { addresses } = (await child.ask({ start } satisfies StartRequest)) as MemberReport;
    this.address = addresses[0];
  }

  /** With SIGKILL: nobody is told. */
  kill(): void {
    this.#child?.kill();
    this.#child = undefined;
  }

  close(): void {
    this.#child?.close();
  }

  async ask(request: PublishRequest | { addPeers: string[] } | 'report'): Promise<MemberReport> {
    if (this.#child === undefined) throw new Error(`the member ${this.peerId} does not run`);
    return (await this.#child.ask(request)) as MemberReport;
  }
}

export class TopicSwarm {
  readonly members: readonly SwarmMember[];

  constructor(size: number) {
    this.members = Array.from({ length: size }, () => new SwarmMember());
  }

  async start(): Promise<void> {
    for (const member of this.members) await this.startMember(member);
    // The first ones were started before those that they are to dial.
    for (const member of this.members) {
      await member.ask({ addPeers: this.#peersOf(member) });
    }
  }

  async startMember(member: SwarmMember): Promise<void> {
    const allowed = this.members.map(({ peerId }) => peerId);
    await member.start(allowed, this.#peersOf(member));
  }

  reports(members: readonly SwarmMember[] = this.members): Promise<MemberReport[]> {
    return Promise.all(members.map((member) => member.ask('report')));
  }

  close(): void {
    for (const member of this.members) member.close();
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

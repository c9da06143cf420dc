import { describe, expect, it } from 'vitest';
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';

import {
  AWARE_CALLS_PER_SECOND_MAX,
  AWARE_INTERVAL_MS,
  AWARE_REPEAT_MS,
  UNKNOWN_RETRY_MS,
} from '../../../nodes/documents/limits.js';
import { MemberPresence } from '../../../nodes/documents/member-presence.js';
import { Presences, clientIdOf } from '../../../src/documents/index.js';
import { AWARENESS_EXPIRY_MS } from '../../../src/documents/limits.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { randomOf } from '../storage/history.js';

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

type States = Parameters<MemberPresence['take']>[1];

/** A peer that has a document open at some node, as Yjs has it. */
class Peer {
  readonly awareness = new Awareness(new Y.Doc());
  at: Node | undefined;

  constructor(
    readonly author: number,
    readonly name: string,
  ) {
    this.awareness.setLocalState(null);
    this.awareness.clientID = clientIdOf(author, 1);
    this.awareness.setLocalState({});
  }

  aware(bytes: Uint8Array): void {
    applyAwarenessUpdate(this.awareness, bytes, null);
  }

  enter(node: Node): void {
    this.at = node;
    node.presences.enter('d', this);
    this.say(this.name);
  }

  say(name: string): void {
    this.awareness.setLocalState({ name });
    const bytes = encodeAwarenessUpdate(this.awareness, [this.awareness.clientID]);
    this.at?.presences.say('d', this, bytes, this.author);
  }

  leave(): void {
    this.at?.presences.leave('d', this);
    this.at = undefined;
  }

  get sees(): string {
    const states = [...this.awareness.getStates()];
    return states
      .map(([client, { name }]) => `${client} ${name}`)
      .sort()
      .join();
  }
}

class Node {
  presences = new Presences();
  presence!: MemberPresence;
  isUp = true;

  constructor(
    readonly swarm: Swarm,
    readonly nodeId: number,
  ) {
    this.start();
  }

  start(): void {
    this.isUp = true;
    this.presences = new Presences();
    this.presence = new MemberPresence(this.presences, () => this.swarm.nowMs);
    const others = (): number[] =>
      this.swarm.nodes.map(({ nodeId }) => nodeId).filter((one) => one !== this.nodeId);
    const call = (to: number, method: string, payload: unknown): Promise<unknown> =>
      this.swarm.call(this.nodeId, to, method, payload);
    // The test says when time passes.
    this.presence.begin({ others, call }, false);
  }
}

/** Nodes with a clock and a network that do what a test says. */
class Swarm {
  nowMs = 0;
  readonly nodes: Node[] = [];
  readonly cut = new Set<string>();
  readonly old = new Set<number>();
  loses: () => boolean = () => false;
  calls = 0;
  states = 0;

  constructor(count: number) {
    for (let nodeId = 1; nodeId <= count; nodeId += 1) this.nodes.push(new Node(this, nodeId));
  }

  async call(from: number, to: number, method: string, payload: unknown): Promise<unknown> {
    const node = this.nodes[to - 1]!;
    this.calls += 1;
    this.states += (payload as { states: States }).states.length;
    if (this.old.has(to)) throw new RpcError('unknown-method', `${method} is not known`);
    const isLost = this.loses() || this.cut.has([from, to].sort().join('-'));
    if (isLost || !node.isUp) throw new RpcError('unavailable', 'nobody answers');
    node.presence.take(from, (payload as { states: States }).states);
    return null;
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.nowMs += AWARE_INTERVAL_MS;
      for (const node of this.nodes) if (node.isUp) node.presence.tick();
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
  }
}

describe('members', () => {
  it('tell each other who is here: little, and at once', async () => {
    const swarm = new Swarm(3);
    const [one, two, three] = swarm.nodes as [Node, Node, Node];
    const [ada, bob, cleo] = [new Peer(1, 'Ada'), new Peer(2, 'Bob'), new Peer(3, 'Cleo')];
    ada.enter(one);
    bob.enter(two);
    cleo.enter(three);
    await swarm.pass(2 * AWARE_INTERVAL_MS);
    expect(ada.sees).toContain('Bob');
    for (const peer of [bob, cleo]) expect(peer.sees).toBe(ada.sees);
    [swarm.calls, swarm.states] = [0, 0];
    for (let key = 0; key < 1_000; key += 1) ada.say(`Ada ${key}`);
    await swarm.pass(AWARE_INTERVAL_MS);
    // A thousand keys of one client are one state for each of the others.
    expect([swarm.calls, swarm.states]).toEqual([2, 2]);
    expect(bob.sees).toContain('Ada 999');
    bob.leave();
    await swarm.pass(AWARE_INTERVAL_MS);
    expect(ada.sees).not.toContain('Bob');
    expect(cleo.sees).not.toContain('Bob');
  });

  it('leave a member of a release before alone, and tell it later', async () => {
    const swarm = new Swarm(2);
    const [one, two] = swarm.nodes as [Node, Node];
    const [ada, bob] = [new Peer(1, 'Ada'), new Peer(2, 'Bob')];
    swarm.old.add(2);
    ada.enter(one);
    bob.enter(two);
    await swarm.pass(UNKNOWN_RETRY_MS);
    expect(swarm.calls).toBeLessThan(2 + UNKNOWN_RETRY_MS / AWARE_REPEAT_MS + 1);
    expect(bob.sees).not.toContain('Ada');
    swarm.old.clear();
    await swarm.pass(UNKNOWN_RETRY_MS);
    expect(bob.sees).toContain('Ada');
  });

  it('are not flooded by one of them', () => {
    const swarm = new Swarm(2);
    const { presence } = swarm.nodes[0]!;
    for (let call = 0; call < AWARE_CALLS_PER_SECOND_MAX; call += 1) presence.take(2, []);
    expect(() => presence.take(2, [])).toThrow(/64 times a second at most/);
    presence.take(3, []);
    swarm.nowMs += 1_000;
    presence.take(2, []);
    const states = [{ name: 'd', bytes: Uint8Array.of(5) }];
    expect(() => presence.take(2, states)).toThrow(/no awareness/);
  });

  it(`agree on who is here, whatever is cut, lost, killed and moved (SEED=${SEED})`, async () => {
    const random = randomOf(SEED);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    const swarm = new Swarm(3);
    const peers = [1, 2, 3, 4, 5].map((author) => new Peer(author, `peer ${author}`));
    swarm.loses = () => random() < 0.2;
    for (let step = 0; step < 200; step += 1) {
      const [chance, peer, node] = [random(), pick(peers), pick(swarm.nodes)];
      if (chance < 0.1) swarm.cut.add(pick(['1-2', '1-3', '2-3']));
      else if (chance < 0.2) swarm.cut.clear();
      else if (chance < 0.25 && node.isUp) {
        node.isUp = false;
        for (const one of peers) if (one.at === node) one.at = undefined;
      } else if (chance < 0.35 && !node.isUp) node.start();
      else if (chance < 0.5) peer.leave();
      else if (chance < 0.7 && node.isUp && peer.at === undefined) peer.enter(node);
      else if (peer.at !== undefined) peer.say(`${peer.name} ${step}`);
      await swarm.pass(pick([1, 3, 20]) * AWARE_INTERVAL_MS);
    }
    swarm.cut.clear();
    swarm.loses = () => false;
    for (const node of swarm.nodes) if (!node.isUp) node.start();
    const here = peers.filter(({ at }) => at !== undefined);
    // Each renews itself, as Yjs does every 15 s; others are gone when they are not repeated.
    for (const peer of here) peer.say(peer.name);
    await swarm.pass(AWARENESS_EXPIRY_MS + 2 * AWARE_REPEAT_MS);
    for (const peer of here) peer.say(peer.name);
    await swarm.pass(2 * AWARE_INTERVAL_MS);
    const names = here.map(({ name }) => name);
    for (const node of swarm.nodes) {
      const fresh = new Peer(10 + node.nodeId, 'fresh');
      fresh.enter(node);
      const seen = [...fresh.awareness.getStates().values()].map(({ name }) => name);
      expect(seen.sort(), `at ${node.nodeId}`).toEqual([...names, 'fresh'].sort());
      fresh.leave();
    }
  });
});

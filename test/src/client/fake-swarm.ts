/**
 * A swarm without a network: members that share one register of memories, behind the contract of
 * `RpcEndpoint`. Faults are switched on by the tests.
 */

import type {
  CallOptions,
  CloseInfo,
  PeerAddress,
  RpcConnection,
  RpcEndpoint,
} from '../../../transport/rpc/rpc.js';
import { RpcError } from '../../../transport/rpc/rpc.js';

export interface FakeMember {
  readonly nodeId: number;
  peerId: string;
  port: number;
  /** Answers nothing while true, as a process does that was killed. */
  dead: boolean;
  cordoned: boolean;
  /** Called before each call; throw or wait to inject a fault. */
  before: (method: string) => Promise<void> | void;
  /** Called after the effect, before the answer. */
  after: (method: string) => Promise<void> | void;
  calls: string[];
  /** Calls of the memory that it left unanswered. */
  unanswered: number;
  /** Another swarm than the others say they belong to. */
  swarmId: string | undefined;
}

export interface AppliedWrite {
  readonly method: string;
  readonly session: number;
  readonly sequence: number;
  readonly id: string;
}

interface FakeSession {
  last: number;
  answer: { index: number };
  /** With a window: the answers that were not acknowledged, and from where on that is. */
  readonly answers?: Map<number, { index: number }>;
  awaitedFrom?: number;
}

type Payload = Readonly<Record<string, unknown>>;

export class FakeSwarm {
  readonly members: FakeMember[];
  readonly applied: AppliedWrite[] = [];
  readonly memories = new Map<string, string>();
  readonly sessions = new Map<number, FakeSession>();
  token = 'secret';
  swarmId = 'swarm-a';
  leader = 1;
  rollouts = 0;
  /** What sessions are like; null is the previous release, with one write at a time. */
  rules: { timeoutMs: number; window: number } | null = null;
  readonly kept: number[] = [];
  /** Of what session a keep-alive came, also of one that is gone. */
  readonly keepAlives: number[] = [];
  readonly closed: number[] = [];
  #sessionIds = 0;
  #index = 0;

  constructor(size: number) {
    this.members = Array.from({ length: size }, (_each, at) => ({
      nodeId: at + 1,
      peerId: `peer${at + 1}`,
      port: 9001 + at,
      dead: false,
      cordoned: false,
      before: () => undefined,
      after: () => undefined,
      calls: [],
      unanswered: 0,
      swarmId: undefined,
    }));
  }

  member(nodeId: number): FakeMember {
    const found = this.members[nodeId - 1];
    if (found === undefined) throw new Error(`no member ${nodeId}`);
    return found;
  }

  address(nodeId: number): PeerAddress {
    const { port, peerId } = this.member(nodeId);
    return { host: '127.0.0.1', port, peerId };
  }

  endpoint(): RpcEndpoint {
    return {
      peerId: 'client',
      host: '127.0.0.1',
      port: 1,
      connect: (address, options) => this.#connect(address, options),
      connections: () => [],
      close: async () => undefined,
    };
  }

  async #connect(address: PeerAddress, options: CallOptions): Promise<RpcConnection> {
    const member = this.members.find((each) => each.port === address.port);
    if (member === undefined || member.dead) {
      await expire(options);
      throw new RpcError('unavailable', `nobody answers at ${address.host}:${address.port}`);
    }
    if (member.peerId !== address.peerId) {
      throw new RpcError(
        'unauthenticated',
        `expected peer ${address.peerId} at ${address.host}:${address.port}, ` +
          `found ${member.peerId}`,
      );
    }
    return new FakeConnection(member, (method, payload) => this.handle(member, method, payload));
  }

  /** Answers a call to a member, or throws the refusal. */
  handle(member: FakeMember, method: string, payload: Payload): unknown {
    switch (method) {
      case 'client.hello':
        if (payload['token'] !== this.token) {
          throw new RpcError('permission-denied', 'the token is not the one of this swarm');
        }
        return this.#hello(member);
      case 'memory.openSession': {
        this.#sessionIds += 1;
        const session = this.#sessionIds;
        this.sessions.set(session, { last: 0, answer: { index: 0 }, answers: new Map() });
        return { session, ...this.rules };
      }
      case 'memory.keepSession':
        this.keepAlives.push(Number(payload['session']));
        this.#session(payload);
        this.kept.push(Number(payload['session']));
        return { session: payload['session'] };
      case 'memory.closeSession':
        this.sessions.delete(Number(payload['session']));
        this.closed.push(Number(payload['session']));
        return { session: payload['session'] };
      case 'memory.insert':
      case 'memory.addEdge':
        return this.#write(method, payload);
      case 'memory.get': {
        const content = this.memories.get(String(payload['id']));
        const id = String(payload['id']);
        const memory = content === undefined ? null : { id, content, metadata: {}, createdAtMs: 1 };
        return { memory, appliedIndex: this.#index };
      }
      case 'memory.search': {
        const hits = [...this.memories].slice(0, Number(payload['limit'])).map(([id, content]) => {
          return { id, content, metadata: {}, score: 0.5, matchedBy: 'text' };
        });
        return { hits, appliedIndex: this.#index };
      }
      case 'rollout.start':
        if (this.rollouts > 0) throw refused('rollout-running', 'a rollout runs already');
        this.rollouts += 1;
        return { rollout: ROLLOUT };
      case 'rollout.status':
        return { rollout: this.rollouts > 0 ? ROLLOUT : null };
      default:
        throw new RpcError('unknown-method', `no method ${method}`);
    }
  }

  #hello(member: FakeMember): unknown {
    const members = this.members.map((each) => ({
      nodeId: each.nodeId,
      peerId: each.peerId,
      host: '127.0.0.1',
      port: each.port,
      status: 'up',
      engine: 'v1',
      cordoned: each.cordoned,
      voter: true,
    }));
    const { nodeId, peerId, swarmId = this.swarmId } = member;
    return { swarmId, swarmVersion: 1, nodeId, peerId, members, leader: this.leader };
  }

  #session(payload: Payload): FakeSession {
    const session = this.sessions.get(Number(payload['session']));
    if (session === undefined) throw refused('session-unknown', 'the session has expired');
    return session;
  }

  #admit(session: FakeSession, sequence: number, told: number): unknown {
    const awaitedFrom = Math.max(session.awaitedFrom ?? 1, told);
    session.awaitedFrom = awaitedFrom;
    const answers = session.answers ?? new Map<number, { index: number }>();
    for (const old of answers.keys()) if (old < awaitedFrom) answers.delete(old);
    const known = answers.get(sequence);
    if (known !== undefined) return known;
    if (sequence < awaitedFrom) throw refused('sequence-stale', 'its answer was dropped');
    if (sequence >= awaitedFrom + (this.rules?.window ?? 1)) {
      throw refused('sequence-gap', 'beyond the window');
    }
    return undefined;
  }

  #write(method: string, payload: Payload): unknown {
    const id = String(payload['id'] ?? payload['from']);
    const number = Number(payload['session']);
    const sequence = Number(payload['sequence']);
    const session = this.#session(payload);
    if (this.rules === null) {
      if (sequence === session.last) return session.answer;
      if (sequence !== session.last + 1) throw refused('sequence-gap', 'a sequence is missing');
    } else {
      const known = this.#admit(session, sequence, Number(payload['awaitedFrom']));
      if (known !== undefined) return known;
    }
    session.last = sequence;
    this.#index += 1;
    session.answer = { index: this.#index };
    session.answers?.set(sequence, session.answer);
    this.applied.push({ method, session: number, sequence, id });
    if (method === 'memory.addEdge') {
      if (!this.memories.has(id)) throw refused('missing-endpoint', `no memory ${id}`);
    } else this.memories.set(id, String(payload['content']));
    return session.answer;
  }
}

const ROLLOUT = {
  id: 1,
  digest: 'd',
  from: 'v1',
  to: 'v2',
  status: 'running',
  nodes: [{ nodeId: 1, step: 'stage', epoch: 3, detail: null }],
  startedAtMs: 5,
};

export function refused(reason: string, message: string): RpcError {
  return new RpcError('refused', message, { reason });
}

class FakeConnection implements RpcConnection {
  readonly peerId: string;
  readonly remoteHost = '127.0.0.1';
  readonly remotePort: number;
  readonly closed: Promise<CloseInfo>;
  #open = true;
  #end!: (info: CloseInfo) => void;
  readonly #member: FakeMember;
  readonly #handle: (method: string, payload: Payload) => unknown;

  constructor(member: FakeMember, handle: (method: string, payload: Payload) => unknown) {
    this.#member = member;
    this.#handle = handle;
    this.peerId = member.peerId;
    this.remotePort = member.port;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  async call(method: string, payload: unknown, options: CallOptions): Promise<unknown> {
    if (!this.#open) throw new RpcError('unavailable', 'the connection is closed');
    const over = new AbortController();
    const late = expire(options, over.signal);
    try {
      return await Promise.race([this.#serve(method, payload as Payload), late]);
    } finally {
      over.abort();
    }
  }

  notify(): boolean {
    return false;
  }

  async close(code = 0, reason = ''): Promise<void> {
    this.#open = false;
    this.#end({ code, reason, local: true });
  }

  async #serve(method: string, payload: Payload): Promise<unknown> {
    if (this.#member.dead) {
      if (method.startsWith('memory.')) this.#member.unanswered += 1;
      return new Promise(() => undefined);
    }
    this.#member.calls.push(method);
    await this.#member.before(method);
    const answer = this.#handle(method, payload);
    await this.#member.after(method);
    return answer;
  }
}

/** Rejects when the time of the call is up or its caller gave up, unless `over` comes first. */
function expire(options: CallOptions, over?: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const cancel = (): void => reject(new RpcError('cancelled', 'cancelled by the caller'));
    const timer = setTimeout(
      () => reject(new RpcError('deadline-exceeded', 'no answer in time')),
      options.timeoutMs,
    );
    options.signal?.addEventListener('abort', cancel);
    over?.addEventListener('abort', () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', cancel);
    });
  });
}

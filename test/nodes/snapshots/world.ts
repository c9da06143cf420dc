/**
 * One member that takes a snapshot in, and sources to take it from, joined by calls that are lost,
 * late, answered twice or not at all. Every payload travels as its bytes. The disks are real.
 */
import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import type { SnapshotMeta } from '../../../consensus/raft/index.js';
import { packPrepared, parsePrepare, parseRead } from '../../../nodes/snapshots/messages.js';
import type { Offer } from '../../../nodes/snapshots/messages.js';
import { PreparedSnapshots } from '../../../nodes/snapshots/prepared.js';
import { SnapshotReceiver } from '../../../nodes/snapshots/receiver.js';
import type { SourceCallOptions } from '../../../nodes/snapshots/sources.js';
import { decode, encode } from '../../../nodes/wire/fields.js';
import type { RandomStream } from '../../../sim/world/random.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { scratch } from './support.js';
import type { State } from './support.js';
import { until } from '../../waiting.js';

/** How calls fail, each with its probability. */
export interface Faults {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly twice: number;
  readonly damaged: number;
  readonly delayMsMax: number;
}

export const NO_FAULTS: Faults = {
  lostRequest: 0,
  lostAnswer: 0,
  twice: 0,
  damaged: 0,
  delayMsMax: 1,
};

const TIMES = {
  readTimeoutMsMin: 30,
  readTimeoutMsMax: 120,
  backoffMsMin: 1,
  backoffMsMax: 10,
  unreachableMsMax: 120,
  failingMsMax: 2_000,
};
/** The other times of `limits.ts` are so much shorter here. */
const FASTER = 50;

class Source {
  readonly directory = scratch('outgoing');
  isUp = true;
  servedBytes = 0;
  #prepared: PreparedSnapshots;

  constructor(readonly state: State) {
    this.#prepared = this.#start();
  }

  #start(): PreparedSnapshots {
    return new PreparedSnapshots({
      directory: this.directory,
      view: () => this.state.view(),
      appliedIndex: () => this.state.index,
      bytesPerSecondMax: 0,
      log: () => undefined,
      now: () => performance.now(),
    });
  }

  async restart(): Promise<void> {
    await this.#prepared.close();
    this.#prepared = this.#start();
  }

  /** Its disk is a new one. */
  async wipe(): Promise<void> {
    await this.#prepared.close();
    rmSync(this.directory, { recursive: true, force: true });
    this.#prepared = this.#start();
  }

  async handle(method: string, payload: unknown): Promise<unknown> {
    if (method === 'raft.snapshotPrepare') {
      return packPrepared(await this.#prepared.prepare(parsePrepare(payload)));
    }
    const bytes = await this.#prepared.read(parseRead(payload));
    this.servedBytes += bytes.length;
    return bytes;
  }

  async close(): Promise<void> {
    await this.#prepared.close();
  }
}

export class World {
  readonly sources = new Map<number, Source>();
  readonly directory = scratch('incoming');
  readonly logged: string[] = [];
  readonly delivered: SnapshotMeta[] = [];
  faults: Faults = NO_FAULTS;
  applied = 0;
  calls = 0;
  /** Of answers that did not reach the member, or not as they were. */
  wastedBytes = 0;
  restarts = 0;
  /** Called before each call with its name, 'prepare 1' or 'read 3': where a test does its harm. */
  onCall: (step: string) => Promise<void> | void = () => undefined;
  readonly steps = { prepare: 0, read: 0 };
  receiver: SnapshotReceiver;
  readonly #random: RandomStream;
  #life = 0;

  constructor(states: readonly State[], random: RandomStream) {
    this.#random = random;
    for (const [at, state] of states.entries()) this.sources.set(at + 1, new Source(state));
    this.receiver = this.#start();
  }

  source(nodeId: number): Source {
    const source = this.sources.get(nodeId);
    if (source === undefined) throw new Error(`there is no source ${nodeId}`);
    return source;
  }

  get servedBytes(): number {
    return [...this.sources.values()].reduce((sum, { servedBytes }) => sum + servedBytes, 0);
  }

  /** Another process on the same disk; nothing reaches the one before any more. */
  async restartReceiver(): Promise<void> {
    this.#life += 1;
    this.restarts += 1;
    const before = this.receiver;
    this.receiver = this.#start();
    await before.close();
  }

  /** Offers again and again until the snapshot is whole; then it counts as installed. */
  async bringUp(offer: () => Offer): Promise<SnapshotMeta> {
    const before = this.delivered.length;
    try {
      return await until('a snapshot is delivered', () => {
        if (this.delivered.length > before) return this.delivered.at(-1);
        this.receiver.offer(offer());
        return undefined;
      });
    } catch (cause) {
      throw new Error(`no snapshot:\n${this.logged.slice(-30).join('\n')}`, { cause });
    }
  }

  async close(): Promise<void> {
    await this.receiver.close();
    for (const source of this.sources.values()) await source.close();
  }

  #start(): SnapshotReceiver {
    const life = this.#life;
    return new SnapshotReceiver({
      directory: this.directory,
      nodeId: 99,
      appliedIndex: () => this.applied,
      call: (nodeId, method, payload, options) =>
        this.#call(life, nodeId, method, payload, options),
      deliver: (meta) => this.delivered.push(meta),
      bytesPerSecondMax: 0,
      log: (message) => this.logged.push(message),
      now: () => performance.now(),
      sleep: async (milliseconds, signal) => {
        const short = Math.max(1, Math.min(milliseconds, milliseconds / FASTER + 5));
        await pause(short, undefined, { signal }).catch(() => undefined);
      },
      times: TIMES,
    });
  }

  async #call(
    life: number,
    nodeId: number,
    method: string,
    payload: unknown,
    { timeoutMs, signal }: SourceCallOptions,
  ): Promise<unknown> {
    this.calls += 1;
    const kind = method === 'raft.snapshotRead' ? 'read' : 'prepare';
    this.steps[kind] += 1;
    await this.onCall(`${kind} ${this.steps[kind]}`);
    return this.#transfer(life, nodeId, method, payload, Math.min(timeoutMs, 120), signal);
  }

  async #transfer(
    life: number,
    nodeId: number,
    method: string,
    payload: unknown,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { lostRequest, lostAnswer, twice, damaged, delayMsMax } = this.faults;
    const random = this.#random;
    if (random.chance(lostRequest)) return this.#late(timeoutMs, signal);
    await this.#wait(random.integer(0, delayMsMax), signal);
    const source = this.source(nodeId);
    if (!source.isUp || life !== this.#life) throw new RpcError('unavailable', 'not reached');
    const request = decode(encode(payload), 'request');
    const handle = async (): Promise<unknown> => {
      const answer = decode(encode(await source.handle(method, request)), 'answer');
      if (answer instanceof Uint8Array) this.wastedBytes += answer.length;
      return answer;
    };
    if (random.chance(twice)) await handle().catch(() => undefined);
    const answer = await handle();
    if (random.chance(lostAnswer)) return this.#late(timeoutMs, signal);
    if (!source.isUp || life !== this.#life) throw new RpcError('unavailable', 'lost');
    await this.#wait(random.integer(0, delayMsMax), signal);
    if (!(answer instanceof Uint8Array)) return answer;
    if (random.chance(damaged)) {
      const at = random.integer(0, answer.length - 1);
      answer[at] = (answer[at] ?? 0) ^ 1;
    } else {
      this.wastedBytes -= answer.length;
    }
    return answer;
  }

  async #late(timeoutMs: number, signal: AbortSignal): Promise<never> {
    await this.#wait(timeoutMs, signal);
    throw new RpcError('deadline-exceeded', 'no answer in time');
  }

  async #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    await pause(milliseconds, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new RpcError('cancelled', 'not wanted any more');
  }
}

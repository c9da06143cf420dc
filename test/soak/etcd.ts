/**
 * Three processes of etcd, restarted one by one under closed-loop clients, to compare. The clients do what the
 * client library of etcd does by default (clientv3 3.x): they go through the processes in turn, pass over
 * one that they have no connection to, and try a read again when it failed, a write only if it was
 * never sent. What fails after that is what a program would see.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { KEYS, SERVERS, VALUE_BYTES } from '../../bench/raft-processes/cluster.js';
import { ETCD_MISSING, findEtcd } from '../../bench/raft-processes/etcd-binary.js';
import { EtcdCluster } from '../../bench/raft-processes/etcd-cluster.js';
import { GrpcConnection } from '../../bench/raft-processes/grpc-connection.js';
import { bytesField } from '../../bench/raft-processes/protobuf.js';
import { DemoError } from '../../examples/rolling-migration/demo-error.js';
import { Random } from '../../examples/rolling-migration/random.js';
import type { Scope } from '../../examples/rolling-migration/scope.js';
import { limits } from './limits.js';

/** One rolling restart: each of the three processes once. Gaps in milliseconds. */
export interface EtcdRestart {
  readonly signal: 'SIGTERM' | 'SIGKILL';
  readonly requests: number;
  readonly failed: number;
  /** Attempts that failed and were made again, or passed over to another process. */
  readonly triedAgain: number;
  /** Without any answer, from the first signal until all three serve again. */
  readonly longestGapMs: number;
  /** The same before the first signal. */
  readonly steadyGapMs: number;
  readonly examples: readonly string[];
}

export interface EtcdOptions {
  readonly clients: number;
  readonly thinkMs: number;
  readonly seed: number;
}

/** Path of etcd. @throws DemoError with what to do where there is none. */
export function etcdProgram(): string {
  const program = findEtcd();
  if (program === undefined) throw new DemoError('bad-option', `--etcd: ${ETCD_MISSING}`);
  return program;
}

export async function restartEtcd(
  program: string,
  directory: string,
  options: EtcdOptions,
  scope: Scope,
  say: (line: string) => void,
): Promise<EtcdRestart[]> {
  const restarts: EtcdRestart[] = [];
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const data = join(directory, `etcd-${signal}`);
    mkdirSync(data);
    const cluster = new EtcdCluster(program);
    scope.onEnd(() => cluster.close());
    await scope.guard(cluster.start(data, options.clients));
    say(`etcd: three processes serve; each is ended by ${signal} and started again`);
    const load = new EtcdLoad(cluster.clientPorts, options);
    load.start();
    await scope.guard(sleep(limits.etcdCalmMs));
    const fromMs = performance.now();
    for (let position = 0; position < SERVERS; position++) {
      await scope.guard(cluster.kill(position, signal));
      await scope.guard(sleep(limits.restartDelayMs));
      await scope.guard(cluster.restart(position));
      await scope.guard(sleep(limits.etcdCalmMs));
    }
    restarts.push({ signal, ...(await scope.guard(load.stop(fromMs))) });
    await cluster.close();
  }
  return restarts;
}

class EtcdLoad {
  readonly #ports: readonly number[];
  readonly #options: EtcdOptions;
  readonly #startedMs = performance.now();
  readonly #connections: (GrpcConnection | undefined)[] = [];
  readonly #opening = new Set<number>();
  readonly #answersMs: number[] = [];
  readonly #failures: string[] = [];
  #triedAgain = 0;
  #isOver = false;
  #loops: Promise<void>[] = [];

  constructor(ports: readonly number[], options: EtcdOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  start(): void {
    const { clients, seed } = this.#options;
    this.#loops = Array.from({ length: clients }, (_each, client) =>
      this.#loop(client, new Random(seed ^ Math.imul(client + 1, 0x85ebca6b))),
    );
  }

  async stop(fromMs: number): Promise<Omit<EtcdRestart, 'signal'>> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    for (const connection of this.#connections) connection?.close();
    const answers = this.#answersMs;
    return {
      requests: answers.length + this.#failures.length,
      failed: this.#failures.length,
      triedAgain: this.#triedAgain,
      longestGapMs: longestGapMs(answers, fromMs, performance.now()),
      steadyGapMs: longestGapMs(answers, this.#startedMs, fromMs),
      examples: this.#failures.slice(0, limits.examplesMax),
    };
  }

  async #loop(client: number, random: Random): Promise<void> {
    for (let turn = client; !this.#isOver; turn += 1) {
      const isRead = random.next() < 0.5;
      const key = bytesField(1, Buffer.from(`key${String(random.below(KEYS)).padStart(5, '0')}`));
      const value = Buffer.alloc(VALUE_BYTES, 'x');
      const message = isRead ? key : Buffer.concat([key, bytesField(2, value)]);
      const failure = await this.#request(isRead, message, turn);
      if (failure === undefined) this.#answersMs.push(performance.now());
      else this.#failures.push(`${isRead ? 'get' : 'put'}: ${failure}`);
      await sleep(this.#options.thinkMs * (0.5 + random.next()));
    }
  }

  /** Why it failed; undefined when it was answered. */
  async #request(isRead: boolean, message: Buffer, turn: number): Promise<string | undefined> {
    const path = isRead ? '/etcdserverpb.KV/Range' : '/etcdserverpb.KV/Put';
    const deadlineMs = performance.now() + limits.etcdDeadlineMs;
    for (let attempt = turn; ; attempt += 1) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return `no answer in ${limits.etcdDeadlineMs} ms`;
      const connection = this.#connectionFrom(attempt);
      if (connection === undefined) {
        this.#triedAgain += 1;
        await sleep(limits.etcdRetryMs);
        continue;
      }
      try {
        await connection.call(path, message, Math.ceil(leftMs));
        return undefined;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        // A write that was sent may have had its effect.
        if (!isRead) return reason;
        this.#triedAgain += 1;
        await sleep(limits.etcdRetryMs);
      }
    }
  }

  /** The connection whose turn it is, or that of the next process that has one. */
  #connectionFrom(turn: number): GrpcConnection | undefined {
    for (let position = 0; position < this.#ports.length; position++) this.#openIfNone(position);
    const open = this.#ports.map((_port, step) => this.#connections[(turn + step) % SERVERS]);
    return open.find((connection) => connection?.isOpen === true);
  }

  #openIfNone(position: number): void {
    if (this.#connections[position]?.isOpen === true || this.#opening.has(position)) return;
    this.#opening.add(position);
    GrpcConnection.open(this.#ports[position] ?? 0)
      .then((connection) => {
        this.#connections[position] = connection;
      })
      .catch(() => undefined)
      .finally(() => this.#opening.delete(position));
  }
}

function longestGapMs(answers: readonly number[], fromMs: number, toMs: number): number {
  let previous = fromMs;
  let longest = 0;
  const within = answers.filter((at) => at > fromMs && at < toMs).sort((a, b) => a - b);
  for (const at of [...within, toMs]) {
    longest = Math.max(longest, at - previous);
    previous = at;
  }
  return longest;
}

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { generateV1Installation } from '../examples/rolling-migration/generate.js';
import { freePort } from '../examples/rolling-migration/ports.js';
import { SwarmClient } from '../src/client/index.js';
import { parsePeerAddress } from '../transport/identity/index.js';
import { type Bench, type Measurements, quantile } from './harness.js';

const COMMAND = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const MEGABYTE = 1_000_000;
/** Of the v1 file that is generated. */
const BYTES_PER_MEMORY = 3_157;
const QUIET_MS = 10_000;
const PUT_INTERVAL_MS = 40;
const WRITERS = 2;
const MEMORY_SAMPLE_MS = 50;
const METRICS = {
  join: 's',
  prepare: 's',
  transfer: 's',
  install: 's',
  read: 'MB',
  'puts-p50-before': 'ms',
  'puts-p50-during': 'ms',
  'puts-p99-before': 'ms',
  'puts-p99-during': 'ms',
  'memory-source-before': 'MB',
  'memory-source-most': 'MB',
  'memory-receiver-most': 'MB',
} as const;

/**
 * A v1 installation of so many megabytes is served by one node. A second one joins and reads the
 * snapshot from the leader, a third one joins and reads it from the second. Two clients put small
 * memories meanwhile, each every 40 ms. Processes of their own, QUIC on the loopback. Memory is
 * resident memory, files that are mapped included.
 */
export function snapshotBench(megabytes = 1_000): Bench {
  const swarm = new BenchSwarm();
  return {
    description:
      'a node that joins a swarm of --megabytes N (1000): time, bytes read, puts meanwhile, memory',
    roundsDefault: 1,
    metrics: METRICS,
    subjects: [
      {
        name: 'from-the-leader',
        prepare: () => swarm.start(megabytes),
        run: () => swarm.measureJoin(),
      },
      { name: 'from-a-follower', run: () => swarm.measureJoin(), close: () => swarm.close() },
    ],
    ratios: [],
  };
}

interface Created {
  readonly address: string;
  readonly joinToken: string;
  readonly clientToken: string;
}

class BenchSwarm {
  #root = '';
  readonly #nodes: BenchNode[] = [];
  #created: Created = { address: '', joinToken: '', clientToken: '' };
  #client: SwarmClient | undefined;
  #names = 0;

  async start(megabytes: number): Promise<void> {
    this.#root = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-snapshot-'));
    const source = join(this.#root, 'v1');
    const memories = Math.ceil((megabytes * MEGABYTE) / BYTES_PER_MEMORY);
    generateV1Installation(source, { memories, seed: 1 });
    const data = join(this.#root, 'node-1');
    const listen = `127.0.0.1:${await freePort()}`;
    const init = ['swarm', 'init', '--data', data, '--listen', listen, '--from', source, '--json'];
    this.#created = JSON.parse(await outputOf(init)) as Created;
    rmSync(source, { recursive: true });
    this.#nodes.push(new BenchNode(['--data', data]));
    await this.#nodes[0]?.ready();
    const { address, clientToken } = this.#created;
    const seeds = [parsePeerAddress(address)];
    this.#client = await SwarmClient.connect({ seeds, token: clientToken });
    // The first search and the first put pay for what is built once.
    await this.#put();
  }

  /** One more node joins, while puts go on. */
  async measureJoin(): Promise<Measurements> {
    const before = await this.#latenciesDuring(() => sleep(QUIET_MS));
    const { address, joinToken } = this.#created;
    const name = `node-${this.#nodes.length + 1}`;
    const listen = `127.0.0.1:${await freePort()}`;
    const data = ['--data', join(this.#root, name), '--listen', listen];
    const memory = this.#nodes.map((node) => ({ node, before: node.memoryMegabytes(), most: 0 }));
    const startedMs = performance.now();
    const joining = new BenchNode([...data, '--join', address, '--token', joinToken]);
    this.#nodes.push(joining);
    let receiverMost = 0;
    const sampling = setInterval(() => {
      receiverMost = Math.max(receiverMost, joining.memoryMegabytes());
      for (const one of memory) one.most = Math.max(one.most, one.node.memoryMegabytes());
    }, MEMORY_SAMPLE_MS);
    const during = await this.#latenciesDuring(() => joining.ready());
    const joinedMs = performance.now();
    clearInterval(sampling);
    const { log } = joining;
    const source = memory[numberIn(log, /from node (\d+):/) - 1];
    if (source === undefined) throw new Error(`the node read no snapshot:\n${log}`);
    return {
      join: (joinedMs - startedMs) / 1_000,
      prepare: numberIn(source.node.log, /prepared .* blocks, ([\d.]+) s/),
      transfer: (timeOf(log, 'received the snapshot') - timeOf(log, 'reading the')) / 1_000,
      install: numberIn(log, /installed it in ([\d.]+) s/),
      read: numberIn(log, /since the start (\d+) read/) / MEGABYTE,
      'puts-p50-before': quantile(before, 0.5),
      'puts-p50-during': quantile(during, 0.5),
      'puts-p99-before': quantile(before, 0.99),
      'puts-p99-during': quantile(during, 0.99),
      'memory-source-before': source.before,
      'memory-source-most': source.most,
      'memory-receiver-most': receiverMost,
    };
  }

  async close(): Promise<void> {
    await this.#client?.close();
    await Promise.all(this.#nodes.map((node) => node.kill()));
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** Milliseconds of each put that was answered until `work` was done. */
  async #latenciesDuring(work: () => Promise<unknown>): Promise<number[]> {
    const latencies: number[] = [];
    const over = new AbortController();
    const write = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const startedMs = performance.now();
        await this.#put();
        latencies.push(performance.now() - startedMs);
        await sleep(PUT_INTERVAL_MS);
      }
    };
    const writing = Promise.all(Array.from({ length: WRITERS }, write));
    try {
      await Promise.race([work(), writing]);
    } finally {
      over.abort();
    }
    await writing;
    return latencies;
  }

  async #put(): Promise<void> {
    this.#names += 1;
    const memory = { id: `put-${this.#names}`, content: `what is put ${this.#names}` };
    await this.#client?.insert(memory, { deadlineMs: 60_000 });
  }
}

/** A process of `node start`. */
class BenchNode {
  log = '';
  #isReady = false;
  #isOver = false;
  readonly #child: ChildProcess;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [COMMAND, 'node', 'start', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#isReady ||= chunk.toString().includes('ready');
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    this.#child.once('close', () => (this.#isOver = true));
  }

  async ready(): Promise<void> {
    while (!this.#isReady) {
      if (this.#isOver) throw new Error(`the node ended before it served:\n${this.log}`);
      await sleep(10);
    }
  }

  /** Resident memory; 0 where the system does not tell. */
  memoryMegabytes(): number {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      return (Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024) / MEGABYTE;
    } catch {
      return 0;
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    while (!this.#isOver) await sleep(10);
  }
}

async function outputOf(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${args.slice(0, 2).join(' ')} ended with code ${String(code)}`);
  return output;
}

/** The last number that the log tells in this way. */
function numberIn(log: string, pattern: RegExp): number {
  const found = [...log.matchAll(new RegExp(pattern, 'g'))].at(-1)?.[1];
  if (found === undefined) throw new Error(`the log does not tell ${pattern.source}:\n${log}`);
  return Number(found);
}

/** When the first line with a text was logged. */
function timeOf(log: string, text: string): number {
  const line = log.split('\n').find((each) => each.includes(text));
  if (line === undefined) throw new Error(`the log does not say '${text}':\n${log}`);
  return Date.parse(line.slice(0, line.indexOf(' ')));
}

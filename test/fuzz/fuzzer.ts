import type { Socket } from 'node:dgram';
import fc from 'fast-check';
import { createIdentity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import { PROTOCOL } from '../../transport/rpc/wire.js';
import { ForgedPeer, bound } from '../transport/quic/forge/forged-peer.js';
import { ping, stream } from '../transport/quic/forge/frames.js';
import { HalfOpen } from '../transport/quic/forge/half-open.js';
import { Victim, askPolitely } from '../transport/quic/hostile/victim.js';
import { KINDS, anyCase, type Case, type Kind } from './arbitraries.js';
import { PATIENCE_MS, sleep } from '../waiting.js';

const BATCH_CASES = 5_000;
/** Packets that leave before the victim gets a turn. */
const BURST = 32;
/** A connection that lives so long is left for a new one. */
const CASES_PER_CONNECTION = 200;
const INITIALS_PER_HALF_OPEN = 4;
const RESIDENT_BYTES_MAX = 512 * 1024 * 1024;
/** An error of RFC 9000 20.1 by name; what a peer says instead is its own invention. */
const KNOWN_ERROR = /^QUIC: (?!error)[a-z ]+ \(code \d+\)|^nothing was heard/;

export interface FuzzReport {
  readonly seed: number;
  readonly cases: number;
  readonly casesPerSecond: number;
  readonly kinds: Readonly<Record<Kind, number>>;
  /** How connections ended, how often: by which code of this side, or by the peer. */
  readonly ends: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly residentBytesFirst: number;
  readonly residentBytesLast: number;
  readonly residentBytesMost: number;
}

/**
 * Sends hostile packets to an engine and an RPC endpoint in a process of their own. After each batch
 * the process must be alive, answer a well-behaved client of either, and not have grown out of
 * bounds; if not, it rejects with the seed of the batch.
 */
export class Fuzzer {
  readonly #victim: Victim;
  readonly #socket: Socket;
  #peer: ForgedPeer | undefined;
  #rpcPeer: ForgedPeer | undefined;
  #halfOpen: HalfOpen | undefined;
  #peerCases = 0;
  #rpcStreams = 0;
  #initials = 0;
  #sent = 0;
  #connections = 0;
  readonly #kinds = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;

  private constructor(victim: Victim, socket: Socket) {
    this.#victim = victim;
    this.#socket = socket;
  }

  static async run(
    options: { readonly cases: number; readonly seed: number },
    onBatch: (done: number, victim: Victim) => void = () => undefined,
  ): Promise<FuzzReport> {
    const victim = await Victim.start({ hasRpc: true });
    const fuzzer = new Fuzzer(victim, await bound());
    try {
      return await fuzzer.#run(options.cases, options.seed, onBatch);
    } finally {
      fuzzer.#peer?.close();
      fuzzer.#rpcPeer?.close();
      fuzzer.#socket.close();
      victim.kill();
    }
  }

  async #run(
    cases: number,
    seed: number,
    onBatch: (done: number, victim: Victim) => void,
  ): Promise<FuzzReport> {
    const startedAt = performance.now();
    const residentBytesFirst = this.#victim.residentBytes;
    let residentBytesMost = residentBytesFirst;
    for (let done = 0; done < cases;) {
      const count = Math.min(BATCH_CASES, cases - done);
      const batchSeed = (seed + done) | 0;
      for (const one of fc.sample(anyCase, { numRuns: count, seed: batchSeed })) {
        await this.#send(one);
      }
      await this.#check(batchSeed, count);
      residentBytesMost = Math.max(residentBytesMost, this.#victim.residentBytes);
      done += count;
      onBatch(done, this.#victim);
    }
    const ends: Record<string, number> = {};
    const add = (end: string): void => void (ends[end] = (ends[end] ?? 0) + 1);
    for (const { kind, code, local } of this.#victim.closed) {
      add(local || kind === 'idle' ? `${kind} ${code}` : 'closed by the peer');
    }
    for (const reason of this.#victim.refused) {
      add(`before the handshake: ${KNOWN_ERROR.exec(reason)?.[0] ?? 'closed by the peer'}`);
    }
    return {
      seed,
      cases,
      casesPerSecond: Math.round(cases / ((performance.now() - startedAt) / 1_000)),
      kinds: this.#kinds,
      ends,
      connections: this.#connections,
      residentBytesFirst,
      residentBytesLast: this.#victim.residentBytes,
      residentBytesMost,
    };
  }

  async #send({ kind, parts }: Case): Promise<void> {
    this.#kinds[kind] += 1;
    this.#sent += 1;
    if (this.#sent % BURST === 0) await sleep(1);
    const [first = Buffer.alloc(0)] = parts;
    switch (kind) {
      case 'frames':
      case 'broken frames':
        (await this.#connected()).send(parts);
        break;
      case 'initial frames':
        this.#sendInitial(parts);
        break;
      case 'changed packet':
        await this.#sendChanged(first);
        break;
      case 'any datagram':
        this.#socket.send(first, this.#victim.port, '127.0.0.1');
        break;
      case 'rpc stream':
        await this.#sendStream(first);
    }
  }

  async #connected(): Promise<ForgedPeer> {
    this.#peerCases += 1;
    const isOver = this.#peer?.isClosedByPeer === true || this.#peerCases > CASES_PER_CONNECTION;
    if (this.#peer !== undefined && !isOver) return this.#peer;
    this.#peer?.close();
    this.#peerCases = 0;
    this.#connections += 1;
    return (this.#peer = await ForgedPeer.connect(this.#victim.port));
  }

  #sendInitial(parts: readonly Buffer[]): void {
    this.#initials += 1;
    if (this.#halfOpen === undefined || this.#initials % INITIALS_PER_HALF_OPEN === 0) {
      this.#halfOpen = new HalfOpen(this.#socket, this.#victim.port);
    }
    this.#halfOpen.send(parts);
  }

  /** A packet as it should be, with a byte changed, cut, twice, or late. */
  async #sendChanged(change: Buffer): Promise<void> {
    const peer = await this.#connected();
    const [low = 0, high = 0, byte = 0, how = 0] = change;
    peer.packetNumber += 1;
    const packet = peer.packet([ping(), stream(0, 0, Buffer.from('x'))], peer.packetNumber);
    const at = (low | (high << 8)) % packet.length;
    if (how === 0) packet[at] = byte;
    peer.sendRaw(how === 1 ? packet.subarray(0, at) : packet);
    if (how === 2) peer.sendRaw(packet);
    if (how === 3) peer.sendRaw(peer.packet([ping()], peer.packetNumber - 1));
  }

  /** One stream of an RPC connection with any bytes; each has a number of its own. */
  async #sendStream(bytes: Buffer): Promise<void> {
    this.#rpcStreams += 1;
    if (this.#rpcPeer === undefined || this.#rpcPeer.isClosedByPeer || this.#rpcStreams > 90) {
      this.#rpcPeer?.close();
      this.#rpcStreams = 0;
      this.#connections += 1;
      this.#rpcPeer = await ForgedPeer.connect(this.#victim.rpcPort, PROTOCOL);
    }
    const isUnidirectional = bytes.length % 2;
    const id = this.#rpcStreams * 4 + 2 * isUnidirectional;
    this.#rpcPeer.send([stream(id, 0, bytes, bytes.length % 3 !== 0)]);
  }

  async #check(batchSeed: number, count: number): Promise<void> {
    const victim = this.#victim;
    const fail = (what: string): never => {
      throw new Error(`${what}; to see it again: --seed ${batchSeed} --cases ${count}`);
    };
    if (victim.exit !== undefined) fail(`the process ended: ${JSON.stringify(victim.exit)}`);
    const question = Buffer.from('still here');
    const answer = await askPolitely(victim.port, question).catch((error: Error) =>
      fail(`a well-behaved client was not served: ${error.message}`),
    );
    if (!answer.equals(question)) fail('a well-behaved client was answered wrongly');
    await this.#callPolitely().catch((error: Error) => fail(`a call failed: ${error.message}`));
    if (victim.silentMs > PATIENCE_MS) fail('the process stands still');
    if (victim.residentBytes > RESIDENT_BYTES_MAX) {
      fail(`the process holds ${victim.residentBytes} bytes`);
    }
  }

  async #callPolitely(): Promise<void> {
    const client = await listenRpc({
      identity: createIdentity(),
      host: '127.0.0.1',
      port: 0,
      handlers: {},
    });
    try {
      const { rpcPort: port, rpcPeerId: peerId } = this.#victim;
      const address = { host: '127.0.0.1', port, peerId };
      const connection = await client.connect(address, { timeoutMs: 15_000 });
      const answer = await connection.call('echo', 'still here', { timeoutMs: 15_000 });
      if (answer !== 'still here') throw new Error('the answer is another');
    } finally {
      await client.close(0);
    }
  }
}

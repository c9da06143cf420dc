/** A snapshot from validators of which some lie. `SEED=n` repeats the choices. */
import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  digestOf,
  encodeCheckpoint,
  encodeSets,
  signCheckpoint,
} from '../../../nodes/bft/checkpoint.js';
import { CheckpointStore } from '../../../nodes/bft/checkpoint-store.js';
import { readGenesis } from '../../../nodes/bft/genesis.js';
import { CHUNK_BYTES, FAULTS_MAX } from '../../../nodes/bft/limits.js';
import { PeerGuard } from '../../../nodes/bft/peer-guard.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { writeSnapshot } from '../../../nodes/bft/snapshot-file.js';
import { StateSync } from '../../../nodes/bft/state-sync.js';
import { MemoryDisk } from '../storage/memory-disk.js';
import { Signers } from './signers.js';

const seed = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 2 ** 31));
console.log(`SEED=${seed}`);

/** Mulberry32. */
function randomOf(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const signers = new Signers([1, 2, 3, 4, 5], 'state sync');
const chain = readGenesis({ ...signers.genesis, checkpointsEvery: 3 });
const peers = signers.identities.map(({ peerId }) => peerId);
const state = Buffer.alloc(3 * CHUNK_BYTES + 77, 'state of the application ');

/** A store with a stable checkpoint of a height. */
async function source(height: number, who = [0, 1, 2, 3]): Promise<CheckpointStore> {
  const store = await CheckpointStore.open('/source', chain.digest, new MemoryDisk());
  const sets = new ChainSets(chain);
  for (let at = 0; at < height; at += 1) sets.decide([]);
  const recent = [[height, ['x'.repeat(32)]]] as const;
  const written = await writeSnapshot(await store.write(height), recent, [state]);
  const history = new Uint8Array(32);
  const validators = encodeSets(sets.state);
  const unsigned = {
    height,
    history,
    ...written,
    validators,
    signatures: new Map(),
    postQuantum: new Map(),
  };
  const digest = digestOf(unsigned);
  const signatures = new Map(
    who.map((at) => {
      const { peerId, privateKeyPem } = signers.identities[at]!;
      const key = createPrivateKey(privateKeyPem);
      return [peerId, signCheckpoint(chain.digest, digest, key)] as const;
    }),
  );
  await store.save({ ...unsigned, signatures });
  return store;
}

type Answer = (method: string, payload: unknown) => unknown;

/** How a validator that has the checkpoint answers. */
function honest(store: CheckpointStore): Answer {
  return (method, payload) => {
    if (method === 'bft.checkpoint') return encodeCheckpoint(store.last!);
    const [height, index] = payload as [number, number];
    return store.last!.height === height ? store.chunk(store.last!, index) : null;
  };
}

/** Somebody who asks peers that answer so, in this order. */
async function asking(
  answers: readonly Answer[],
  trusted?: { height: number; digest: Uint8Array },
) {
  const disk = new MemoryDisk();
  const store = await CheckpointStore.open('/late', chain.digest, disk);
  const cut: string[] = [];
  const guard = new PeerGuard((peer) => cut.push(peer));
  const sets = new ChainSets(chain);
  const calls: string[] = [];
  const sync = new StateSync({
    guard,
    checkpoints: store,
    wanted: () => trusted?.height ?? null,
    trust: () => ({
      chain,
      sets,
      digest: trusted?.digest ?? null,
      demandsPostQuantum: false,
    }),
    peers: () => peers,
    call: async (peer, method, payload) => {
      const answer = answers[peers.indexOf(peer)];
      calls.push(`${peers.indexOf(peer)} ${method}`);
      if (answer === undefined) throw new Error('cannot be reached');
      return answer(method, payload);
    },
    log: () => {},
  });
  const offering = peers.slice(0, answers.length);
  const faults = (at: number) => guard.counts(0).get(peers[at]!)?.faults;
  return { disk, store, sync, cut, calls, sets, faults, fetched: () => sync.fetch(offering) };
}

async function bytesOf(store: CheckpointStore, checkpoint: Checkpoint): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const { application, recent } = await store.snapshot(checkpoint);
  for await (const piece of application) pieces.push(piece);
  expect(recent).toEqual([[checkpoint.height, ['x'.repeat(32)]]]);
  return Buffer.concat(pieces);
}

const wrongChunks: Readonly<Record<string, (right: Uint8Array) => unknown>> = {
  'a byte changed': (right) => Buffer.from(right).fill(1, 9, 10),
  'one byte less': (right) => right.slice(1),
  'one byte more': (right) => Buffer.concat([right, Buffer.alloc(1)]),
  nothing: () => new Uint8Array(),
  'no bytes': () => 'chunk',
  'much more': () => Buffer.alloc(4 * CHUNK_BYTES),
};

describe('a snapshot of other validators', () => {
  it('comes as it was made', async () => {
    const from = await source(6);
    const late = await asking([honest(from)]);
    const checkpoint = (await late.fetched())!;
    expect(checkpoint.height).toBe(6);
    expect((await bytesOf(late.store, checkpoint)).equals(state)).toBe(true);
    expect(late.cut).toEqual([]);
  });

  it.each(Object.keys(wrongChunks))(
    'comes from another one if somebody gives %s, who is cut off',
    async (name) => {
      const from = await source(6);
      const lying: Answer = async (method, payload) => {
        const right = await honest(from)(method, payload);
        return method === 'bft.chunk' ? wrongChunks[name]!(right as Uint8Array) : right;
      };
      const late = await asking([lying, honest(from)]);
      const checkpoint = (await late.fetched())!;
      expect((await bytesOf(late.store, checkpoint)).equals(state)).toBe(true);
      expect(late.cut).toEqual([peers[0]]);
      expect(late.faults(0)!['bad-chunk']).toBe(1);
      expect(late.faults(1)).toBeUndefined();
      expect(late.calls.filter((call) => call === '0 bft.chunk')).toHaveLength(1);
    },
  );

  it('comes from whoever still has it, and not at all if nobody gives all of it', async () => {
    const from = await source(6);
    const without: Answer = (method, payload) => {
      return method === 'bft.chunk' ? null : honest(from)(method, payload);
    };
    const partly: Answer = (method, payload) => {
      const isLast = method === 'bft.chunk' && (payload as [number, number])[1] === 3;
      return isLast ? null : honest(from)(method, payload);
    };
    const late = await asking([without, partly, honest(from)]);
    expect((await bytesOf(late.store, (await late.fetched())!)).equals(state)).toBe(true);
    expect(late.cut).toEqual([]);
    const never = await asking([without, partly]);
    expect(await never.fetched()).toBeNull();
    expect(never.cut).toEqual([]);
    expect(never.disk.names()).toEqual([]);
  });

  it('is not begun for a checkpoint that proves nothing, or is no later one', async () => {
    const few = await source(6, [0, 1, 2]);
    const right = await source(6);
    const forged = { ...right.last!, signatures: new Map(right.last!.signatures) };
    forged.signatures.set(peers[0]!, new Uint8Array(64));
    const bytes =
      (checkpoint: Checkpoint): Answer =>
      () =>
        encodeCheckpoint(checkpoint);
    const late = await asking([
      () => encodeCheckpoint(few.at(6)!),
      bytes(forged),
      bytes({ ...right.last!, height: 9 }),
      () => Buffer.from('garbage'),
      () => 7,
    ]);
    expect(await late.fetched()).toBeNull();
    for (let at = 0; at < 5; at += 1) expect(late.faults(at)!['bad-checkpoint']).toBe(1);
    expect(late.calls.some((call) => call.includes('chunk'))).toBe(false);
    // As often as it may, then nobody asks any more.
    for (let count = 1; count < FAULTS_MAX; count += 1) await late.fetched();
    expect(late.cut).toEqual(peers);
    const before = late.calls.length;
    await late.fetched();
    expect(late.calls).toHaveLength(before);

    const done = await asking([honest(right)]);
    for (let height = 0; height < 6; height += 1) done.sets.decide([]);
    expect(await done.fetched()).toBeNull();
    expect(done.faults(0)).toBeUndefined();
  });

  it('is that of the checkpoint that is trusted', async () => {
    const [one, other] = [await source(6), await source(9)];
    const wanted = { height: 6, digest: digestOf(one.last!) };
    const late = await asking([honest(other), honest(one)], wanted);
    expect((await late.fetched())!.height).toBe(6);
    expect(late.cut).toEqual([]);
  });

  it('comes whatever a part of the others does, as long as one is honest', async () => {
    const random = randomOf(seed);
    const from = await source(6);
    for (let run = 0; run < 60; run += 1) {
      const good = random(peers.length);
      const answers = peers.map((_, at): Answer => {
        if (at === good) return honest(from);
        const chance = 1 + random(8);
        return async (method, payload) => {
          const right = await honest(from)(method, payload);
          if (random(chance) > 0) return right;
          if (method === 'bft.checkpoint') return random(2) === 0 ? null : Buffer.alloc(99, 1);
          const lies = Object.values(wrongChunks);
          return random(2) === 0 ? null : lies[random(lies.length)]!(right as Uint8Array);
        };
      });
      const late = await asking(answers);
      const checkpoint = await late.fetched();
      expect(checkpoint, `run ${run} of SEED=${seed}`).not.toBeNull();
      expect((await bytesOf(late.store, checkpoint!)).equals(state)).toBe(true);
      expect(late.cut, `run ${run} of SEED=${seed}`).not.toContain(peers[good]);
    }
  });
});

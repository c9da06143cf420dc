import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Accusation,
  type OwnMessage,
  type Vote,
  placeOf,
} from '../../../consensus/bft/index.js';
import { makeCommand } from '../../../nodes/bft/batch.js';
import { SignatureChecker } from '../../../nodes/bft/checking.js';
import { readDecided } from '../../../nodes/bft/decided.js';
import { BftDriver } from '../../../nodes/bft/driver.js';
import { FramedLog } from '../../../nodes/bft/framed-log.js';
import { readGenesis } from '../../../nodes/bft/genesis.js';
import { openValidator, publicKeyOf } from '../../../nodes/bft/index.js';
import { Mempool } from '../../../nodes/bft/mempool.js';
import { PartSet } from '../../../nodes/bft/parts/part-set.js';
import { PendingChanges } from '../../../nodes/bft/pending-changes.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { Signer } from '../../../nodes/bft/signer.js';
import { ValidatorStore } from '../../../nodes/bft/store.js';
import { ValueJudge } from '../../../nodes/bft/value-judge.js';
import { StorageError } from '../../../nodes/storage/index.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { until } from '../../waiting.js';
import { MemoryDisk } from '../storage/memory-disk.js';

const directory = mkdtempSync(join(tmpdir(), 'bft-disk-'));
const identity = createIdentity();
const address = { host: '127.0.0.1', port: 0 };
const genesis = {
  chainId: 'disk',
  validators: [{ publicKey: publicKeyOf(identity), weight: 1, address }],
};
const chain = readGenesis(genesis);
const chainWithParts = readGenesis({ ...genesis, partsFrom: 1 });
/** Of two parts. */
const LARGE = 'large '.repeat(12_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  signatures = new Signatures();
});
afterEach(() => vi.restoreAllMocks());

/** Everything that was signed, by place; a second content is noted. */
class Signatures {
  readonly byPlace = new Map<string, OwnMessage>();
  readonly doubles: OwnMessage[] = [];
  count = 0;

  watch(): void {
    const sign = Signer.prototype.sign;
    vi.spyOn(Signer.prototype, 'sign').mockImplementation(async function (
      this: Signer,
      message: OwnMessage,
    ) {
      const signature = await sign.call(this, message);
      signatures.note(message);
      return signature;
    });
  }

  note(message: OwnMessage): void {
    this.count += 1;
    const place = placeOf(message).join('/');
    const known = this.byPlace.get(place) ?? message;
    if (JSON.stringify(known) !== JSON.stringify(message)) this.doubles.push(message);
    this.byPlace.set(place, known);
  }

  precommits(): readonly Vote[] {
    return [...this.byPlace.values()].flatMap((message) => {
      if (message.type !== 'vote' || message.vote.type !== 'precommit') return [];
      return message.vote.value === null ? [] : [message.vote];
    });
  }

  copy(): Signatures {
    const copy = new Signatures();
    for (const message of this.byPlace.values()) copy.note(message);
    return copy;
  }
}

let signatures = new Signatures();

/** What became of a validator: its commands that are decided, and what stopped it. */
interface Life {
  readonly decided: readonly string[];
  readonly failure: unknown;
  /** Signatures that were given out after it had failed. */
  readonly signedAfter: number;
}

/** Lives until the commands are decided or the disk stops it. Without network: it is alone. */
async function live(disk: MemoryDisk, texts: readonly string[], of = chain): Promise<Life> {
  const decided: string[] = [];
  let store: ValidatorStore;
  try {
    store = await ValidatorStore.open(directory, of.digest, identity, disk);
  } catch (failure) {
    return { decided, failure, signedAfter: 0 };
  }
  let failure: unknown = null;
  let before = 0;
  const mempool = new Mempool();
  const sets = new ChainSets(of);
  const checker = new SignatureChecker(of.digest, sets);
  const parts = { sets, checker, mempool, approve: () => false };
  let driver: BftDriver | null = null;
  try {
    for (let height = 1; height <= store.decisions.count; height += 1) {
      const { commands } = await readDecided(store.decisions, height);
      sets.decide(commands);
      mempool.decided(height, commands);
      decided.push(...commands.map(({ data }) => Buffer.from(data).toString()));
    }
    driver = await BftDriver.open(identity.peerId, sets, store, {
      mempool,
      changes: new PendingChanges({ ...parts, reports: () => [] }),
      judge: new ValueJudge({ ...parts, validate: () => true, log: () => {} }),
      timeoutsMs: { propose: 200, prevote: 100, precommit: 100, growth: 100 },
      validate: () => true,
      send: () => {},
      // There is nobody else who could have it.
      fetch: async () => null,
      spread: (bytes) => PartSet.of(bytes).id,
      onDecided: async (decision, commands) => {
        mempool.decided(decision.proposal.height, commands);
        decided.push(...commands.map(({ data }) => Buffer.from(data).toString()));
      },
      onEvidence: async () => {},
      onBehind: () => {},
      onFailed: (error) => {
        failure = error;
        before = signatures.count;
      },
      log: () => {},
    });
    for (const text of texts) {
      mempool.add(makeCommand(Buffer.from(text), driver.decided + 100), identity.peerId);
      driver.wake();
      await until(`${text} is decided`, () => failure !== null || decided.includes(text), 30_000);
      // Who has failed signs nothing more, whatever happens.
      if (failure !== null) driver.resend();
    }
    await driver.close();
    disk.failing = () => undefined;
    await expectJustified(store);
  } catch (error) {
    failure ??= error;
    if (!(failure instanceof StorageError)) throw error;
  } finally {
    await driver?.close();
    await store.close();
  }
  return { decided, failure, signedAfter: failure === null ? 0 : signatures.count - before };
}

/** Each precommit that was signed can be justified from the disk (D10). */
async function expectJustified(store: ValidatorStore): Promise<void> {
  for (const precommit of signatures.precommits()) {
    const accusation: Accusation = { type: 'unfounded', accused: precommit.from, precommit };
    expect(await store.polkas.answer(accusation), JSON.stringify(precommit)).not.toBe(null);
  }
}

/** The operations of a validator on a whole disk. */
async function operationsOf(disk: MemoryDisk, texts: readonly string[], of = chain) {
  const operations: string[] = [];
  disk.failing = (what, name) => void operations.push(`${what} ${name}`);
  expect(await live(disk, texts, of)).toMatchObject({ failure: null });
  return operations;
}

const ERRORS: Readonly<Record<string, readonly (readonly [code: string, short: number])[]>> = {
  write: [
    ['ENOSPC', 0.6],
    ['EIO', 0],
  ],
};

/** Every operation fails in turn, once; then the process or the machine starts again. */
async function failEach(make: () => Promise<MemoryDisk>, texts: readonly string[], of = chain) {
  const operations = await operationsOf(await make(), texts, of);
  for (const [at, operation] of operations.entries()) {
    const [what = '', name = ''] = operation.split(' ');
    for (const [code, shortWrites] of ERRORS[what] ?? [['EIO', 0]]) {
      const title = `${code} at operation ${at}, ${operation}`;
      const disk = await make();
      signatures = new Signatures();
      let calls = 0;
      disk.shortWrites = shortWrites;
      disk.failing = () => (calls++ === at ? code : undefined);
      const { decided, failure, signedAfter } = await live(disk, texts, of);
      expect(failure, title).toBeInstanceOf(StorageError);
      expect((failure as StorageError).message, title).toContain(name.replace('.unfinished', ''));
      expect((failure as StorageError).detail.systemCode, title).toBe(code);
      expect(signedAfter, title).toBe(0);
      const soFar = signatures;
      for (const [how, after] of [
        ['process', disk.copy()],
        ['power', disk.afterPowerCut()],
      ] as const) {
        signatures = soFar.copy();
        const again = await live(after, ['z'], of).catch((error: unknown) => {
          throw new Error(`${title}, then the ${how} starts again`, { cause: error });
        });
        expect(again.failure, `${title}, then the ${how} starts again`).toBe(null);
        expect(again.decided.slice(0, decided.length), title).toEqual(decided);
        expect(again.decided.at(-1), title).toBe('z');
        expect(signatures.doubles, title).toEqual([]);
      }
    }
  }
  return operations;
}

describe('a validator whose disk fails', () => {
  it('at any operation of its first height stops, contradicts nothing, and goes on later', async () => {
    signatures.watch();
    const operations = await failEach(async () => new MemoryDisk(), ['a']);
    const kinds = new Set(operations.map((each) => each.split(' ')[0]));
    for (const kind of ['write', 'datasync', 'rename', 'syncDirectory', 'open', 'read']) {
      expect(kinds).toContain(kind);
    }
  }, 300_000);

  it('at any operation after a restart does so, too', async () => {
    signatures.watch();
    const used = new MemoryDisk();
    expect((await live(used, ['a', 'b'])).decided).toEqual(['a', 'b']);
    await failEach(async () => used.copy(), ['c']);
  }, 300_000);

  it('at any operation of a height with a value in parts does so, too', async () => {
    signatures.watch();
    const used = new MemoryDisk();
    expect((await live(used, ['a', LARGE], chainWithParts)).decided).toEqual(['a', LARGE]);
    const values = [...signatures.byPlace.values()].map((each) => {
      return each.type === 'proposal' ? each.proposal.value : each.vote.value;
    });
    expect(values.some((value) => value?.startsWith('parts1-'))).toBe(true);
    await failEach(async () => used.copy(), [LARGE], chainWithParts);
  }, 300_000);

  it('tells its owner, and those who wait', async () => {
    signatures.watch();
    const disk = new MemoryDisk();
    const failures: Error[] = [];
    const validator = await openValidator({
      directory,
      identity,
      genesis,
      disk,
      apply: () => {},
      onFailed: (error) => failures.push(error),
    });
    await validator.submit(Buffer.from('a'));
    disk.failing = (what, name) => (what === 'datasync' && name === 'signer' ? 'EIO' : undefined);
    await expect(validator.submit(Buffer.from('b'))).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('signer'),
      cause: expect.any(StorageError),
    });
    expect(failures).toHaveLength(1);
    await expect(validator.submit(Buffer.from('c'))).rejects.toMatchObject({ code: 'failed' });
    await validator.close();
  });
});

describe('a log', () => {
  it('takes nothing more once a write has failed', async () => {
    const disk = new MemoryDisk();
    const options = { path: '/log', magic: 'AFBFTxx', chain: new Uint8Array(32) };
    const log = await FramedLog.open(options, disk);
    await log.append(Buffer.from('a'));
    disk.failing = (what) => (what === 'datasync' ? 'EIO' : undefined);
    const record = Buffer.alloc(2_000, 1);
    await expect(log.append(record)).rejects.toMatchObject({ code: 'io' });
    // It would look as if all were well again: what the sync has lost is not known.
    disk.failing = () => undefined;
    await expect(log.append(Buffer.from('b'))).rejects.toMatchObject({ code: 'io' });
    await expect(log.clear()).rejects.toMatchObject({ code: 'io' });
    await log.close();
    expect((await FramedLog.open(options, disk.afterPowerCut())).count).toBe(1);
    expect((await FramedLog.open(options, disk)).count).toBe(2);
  });
});

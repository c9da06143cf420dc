/** What is kept of large values, what is voted for, and how commands that are large come to proposers. */
import { describe, expect, it } from 'vitest';
import { NO_ROUND } from '../../../consensus/bft/index.js';
import { encodeBatch, makeCommand, readBatch, valueIdOf } from '../../../nodes/bft/batch.js';
import { SignatureChecker } from '../../../nodes/bft/checking.js';
import { Forwarding } from '../../../nodes/bft/forwarding.js';
import { FramedLog } from '../../../nodes/bft/framed-log.js';
import { readGenesis } from '../../../nodes/bft/genesis.js';
import { COMMANDS, WAITING } from '../../../nodes/bft/inbox.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import {
  BATCH_BYTES_MAX,
  COMMAND_BYTES_MAX,
  LARGE_BATCH_BYTES_MAX,
  LARGE_COMMAND_BYTES_MAX,
  LARGE_VALUE_BYTES_MAX,
  PART_BYTES,
  VALUES_MAX,
} from '../../../nodes/bft/limits.js';
import { Mempool } from '../../../nodes/bft/mempool.js';
import { PartSet } from '../../../nodes/bft/parts/part-set.js';
import { encodeWaiting } from '../../../nodes/bft/parts/wire.js';
import { PeerGuard } from '../../../nodes/bft/peer-guard.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { ValueJudge } from '../../../nodes/bft/value-judge.js';
import { LARGE_VALUES, limitsAt } from '../../../nodes/bft/value-limits.js';
import { Values } from '../../../nodes/bft/values.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { until } from '../../waiting.js';
import { MemoryDisk } from '../storage/memory-disk.js';

const identities = Array.from({ length: 4 }, () => createIdentity());
const genesis = {
  chainId: 'values',
  validators: identities.map((identity, at) => ({
    publicKey: publicKeyOf(identity),
    weight: 1,
    address: { host: '127.0.0.1', port: at + 1 },
  })),
};
const commandOf = (bytes: number, mark = 0) => makeCommand(Buffer.alloc(bytes, mark + 1), 100);

describe('values of the height under way', () => {
  const options = { path: '/values', magic: 'AFBFTva', chain: new Uint8Array(32) };
  const open = async () => {
    const log = await FramedLog.open(options, new MemoryDisk());
    return { log, values: await Values.load(log, valueIdOf) };
  };

  it('have so many bytes in memory, and what made room is read again where it is durable', async () => {
    const log = await FramedLog.open(options, new MemoryDisk());
    const values = await Values.load(log, valueIdOf, 800);
    const count = 10;
    const bytesOf = (at: number): Uint8Array => new Uint8Array(100).fill(at);
    const ids = Array.from({ length: count }, (_, at) => `value ${at}`);
    const isHere = (): string =>
      ids.map((id) => (values.get(id) === undefined ? '-' : '+')).join('');
    values.keep(ids[0]!, bytesOf(0));
    await values.persist([ids[0]!]);
    values.keep(ids[1]!, bytesOf(1));
    await values.persist([ids[1]!]);
    for (let at = 2; at < 9; at += 1) values.keep(ids[at]!, bytesOf(at));
    // What nothing depends on makes room before what is on the disk.
    expect(isHere()).toBe('++-++++++-');
    for (let at = 3; at < 9; at += 1) await values.persist([ids[at]!]);
    values.keep(ids[9]!, bytesOf(9));
    expect(isHere()).toBe('-+-+++++++');
    expect(Buffer.compare((await values.restore(ids[0]!))!, bytesOf(0))).toBe(0);
    expect(await values.restore(ids[2]!)).toBeUndefined();
    // What was said last is needed: it stays.
    await values.persist([ids[1]!, ids[8]!]);
    values.keep('long', new Uint8Array(600));
    expect(isHere()).toBe('-+------+-');
    await values.endHeight(new Set([ids[8]!]));
    expect(isHere()).toBe('--------+-');
    expect(await values.restore(ids[0]!)).toBeUndefined();
  });

  it('are so many at most where they are small', async () => {
    const { values } = await open();
    for (let at = 0; at < VALUES_MAX + 5; at += 1) values.keep(`${at}`, Uint8Array.of(at));
    expect(values.get('4')).toBeUndefined();
    expect(values.get('5')).toBeDefined();
  });

  it('are found again by their names', async () => {
    const { log, values } = await open();
    const small = new Uint8Array(9);
    const large = new Uint8Array(PART_BYTES + 9);
    const nameOf = (bytes: Uint8Array): string =>
      bytes.length > PART_BYTES ? PartSet.of(bytes).id : valueIdOf(bytes);
    for (const bytes of [small, large]) values.keep(nameOf(bytes), bytes);
    await values.persist([nameOf(small), nameOf(large)]);
    const again = await Values.load(log, nameOf);
    expect(again.get(nameOf(small))).toEqual(small);
    expect(again.get(PartSet.of(large).id)).toEqual(large);
  });
});

describe('a value that is proposed', () => {
  const judgeAt = (partsFrom: number | undefined) => {
    const chain = readGenesis(partsFrom === undefined ? genesis : { ...genesis, partsFrom });
    const sets = new ChainSets(chain);
    const checker = new SignatureChecker(chain.digest, sets);
    const ports = { sets, checker, mempool: new Mempool(), validate: () => true };
    const judge = new ValueJudge({ ...ports, approve: () => false, log: () => {} });
    return (bytes: Uint8Array, value: string): boolean => {
      const from = identities[0]!.peerId;
      return judge.isValid({ from, height: 1, round: 0, value, validRound: NO_ROUND }, bytes);
    };
  };
  const small = encodeBatch([commandOf(PART_BYTES - 100)]);
  const middle = encodeBatch([commandOf(COMMAND_BYTES_MAX)]);
  const large = encodeBatch([commandOf(COMMAND_BYTES_MAX + 64)]);

  it('has one name, that of its height', () => {
    const [before, with1, never] = [judgeAt(2), judgeAt(1), judgeAt(undefined)];
    for (const judge of [before, never]) {
      expect(judge(small, valueIdOf(small))).toBe(true);
      expect(judge(middle, valueIdOf(middle))).toBe(true);
      expect(judge(middle, PartSet.of(middle).id)).toBe(false);
      expect(judge(large, valueIdOf(large))).toBe(false);
    }
    expect(with1(small, valueIdOf(small))).toBe(true);
    expect(with1(middle, valueIdOf(middle))).toBe(false);
    expect(with1(middle, PartSet.of(middle).id)).toBe(true);
    expect(with1(large, PartSet.of(large).id)).toBe(true);
  });

  it('has commands and bytes as its height allows', () => {
    expect(limitsAt(4, 5).commandBytesMax).toBe(COMMAND_BYTES_MAX);
    expect(limitsAt(5, 5)).toBe(LARGE_VALUES);
    const longest = encodeBatch([commandOf(LARGE_COMMAND_BYTES_MAX)]);
    expect(readBatch(longest, LARGE_VALUES)).toHaveLength(1);
    expect(readBatch(longest)).toBeNull();
    expect(readBatch(new Uint8Array(LARGE_VALUE_BYTES_MAX + 1), LARGE_VALUES)).toBeNull();
    const mempool = new Mempool();
    const count = 2 * (LARGE_BATCH_BYTES_MAX / (8 * COMMAND_BYTES_MAX));
    for (let at = 0; at < count; at += 1)
      mempool.add(commandOf(8 * COMMAND_BYTES_MAX, at), `${at}`);
    const taken = (bytesMax: number): number => mempool.batch(1, () => true, 0, bytesMax).length;
    expect(taken(BATCH_BYTES_MAX)).toBe(0);
    expect(taken(LARGE_BATCH_BYTES_MAX)).toBe(count / 2 - 1);
  });
});

describe('a command that was submitted', () => {
  const make = (self: string, partsFrom = 1) => {
    const chain = readGenesis({ ...genesis, partsFrom });
    const sets = new ChainSets(chain);
    const mempool = new Mempool();
    const told: string[] = [];
    const given: string[] = [];
    const taken: string[] = [];
    let wakes = 0;
    const cut: string[] = [];
    const guard = new PeerGuard((peer) => cut.push(peer));
    const forwarding = new Forwarding(self, {
      sets,
      mempool,
      guard,
      tell: (peer, kind) => void told.push(`${peer} ${kind}`),
      tellAll: (kind) => void told.push(`all ${kind}`),
      call: async (peer, method) => {
        given.push(`${peer} ${method}`);
        return true;
      },
      takeCommands: (commands, from) => void taken.push(`${commands.length} of ${from}`),
      wake: () => void (wakes += 1),
    });
    const submit = (bytes: number): void => {
      const command = commandOf(bytes);
      mempool.add(command, self);
      forwarding.add(command);
    };
    return { sets, mempool, forwarding, told, given, taken, guard, submit, woken: () => wakes };
  };
  const proposer = (height: number): string =>
    readGenesis(genesis).validators.proposerOf(height, 0);
  const self = identities
    .map(({ peerId }) => peerId)
    .find((id) => {
      return id !== proposer(1) && id !== proposer(2);
    })!;

  it('is told to all if it is short', async () => {
    const { told, given, submit } = make(self);
    submit(COMMAND_BYTES_MAX);
    await until('told', () => told.length > 0);
    expect([told, given]).toEqual([[`all ${COMMANDS}`], []]);
  });

  it('is handed to each proposer once if it is long, until it is decided', async () => {
    const { told, given, submit, forwarding, sets, mempool } = make(self);
    submit(COMMAND_BYTES_MAX + 1);
    await until('given', () => given.length > 0);
    for (let beat = 0; beat < 3; beat += 1) forwarding.handOver();
    expect(new Set(told)).toEqual(new Set([`all ${WAITING}`]));
    expect(given).toEqual([`${proposer(1)} bft.command`]);
    forwarding.greet('peer');
    expect(told).not.toContain(`peer ${COMMANDS}`);
    sets.decide([]);
    forwarding.handOver();
    expect(given).toEqual([`${proposer(1)} bft.command`, `${proposer(2)} bft.command`]);
    mempool.decided(2, mempool.of(self));
    sets.decide([]);
    const count = told.length;
    forwarding.handOver();
    expect([told.length, given.length]).toEqual([count, 2]);
  });

  it('is not handed over by who proposes', async () => {
    const { told, given, submit } = make(proposer(1));
    submit(COMMAND_BYTES_MAX + 1);
    await until('told', () => told.length > 0);
    expect(given).toEqual([]);
  });

  it('is taken from who hands it over, and nothing else is', () => {
    const { forwarding, taken, guard } = make(self);
    expect(forwarding.take('peer', encodeBatch([commandOf(LARGE_COMMAND_BYTES_MAX)]))).toBe(true);
    expect(taken).toEqual(['1 of peer']);
    const two = encodeBatch([commandOf(1), commandOf(2)]);
    const change = encodeBatch([makeCommand(Buffer.from('x'), 9, 'change')]);
    const long = encodeBatch([
      { ...commandOf(1), bytes: new Uint8Array(LARGE_COMMAND_BYTES_MAX + 64).fill(1) },
    ]);
    for (const wrong of [two, change, long, new Uint8Array(), null, 'text']) {
      expect(() => forwarding.take('peer', wrong)).toThrow(/one command/);
    }
    expect(guard.counts(0).get('peer')!.faults.garbage).toBe(6);
    expect(taken).toHaveLength(1);
    // Others may have come to a height with parts before.
    const early = make(self, 2);
    const command = encodeBatch([commandOf(1)]);
    expect(() => early.forwarding.take('peer', command)).toThrow(/without parts/);
    expect(early.guard.counts(0).get('peer')).toBeUndefined();
  });

  it('has the others begin the height for which it waits', () => {
    const { forwarding, woken } = make(self);
    expect(forwarding.isToldOf(7)).toBe(false);
    forwarding.hear('peer', encodeWaiting(7));
    expect([forwarding.isToldOf(6), forwarding.isToldOf(7), forwarding.isToldOf(8)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(woken()).toBe(1);
    // One word of each counts.
    forwarding.hear('peer', encodeWaiting(8));
    expect(forwarding.isToldOf(7)).toBe(false);
  });
});

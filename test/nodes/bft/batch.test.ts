import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessages } from '../../../consensus/bft/index.js';
import { type Command, encodeBatch, makeCommand, readBatch } from '../../../nodes/bft/batch.js';
import { encodeChange, readChange } from '../../../nodes/bft/change.js';
import { readProof } from '../../../nodes/bft/proof.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`bft batch: SEED=${seed}`);

const nonce = '11'.repeat(16);
const key = '22'.repeat(32);
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const named = (commands: readonly Command[] | null): unknown =>
  commands?.map(({ kind, lastHeight, data }) => [kind, lastHeight, hexOf(data)]);

/** Bytes of version 1: decisions on disks have them. */
const VALUES: readonly (readonly [string, string, unknown])[] = [
  ['nothing', '0100', []],
  ['a command of the application', `010113${nonce}ac026f`, [['application', 300, '6f']]],
];

describe('a value', () => {
  it.each(VALUES)('with %s is read and written as it was', (_, hex, expected) => {
    const commands = readBatch(bytesOf(hex));
    expect(named(commands)).toEqual(expected);
    expect(hexOf(encodeBatch(commands!))).toBe(hex);
  });

  it('with a change and a proof is read and written as it was', () => {
    const change = `01${key}05010161d836`;
    const lengthOf = (hex: string): string => (hex.length / 2).toString(16).padStart(2, '0');
    const command = `${nonce}07${change}`;
    const proof = `${nonce}07ff`;
    const hex =
      '0203' +
      `01${lengthOf(`${nonce}076f`)}${nonce}076f` +
      `02${lengthOf(command)}${command}` +
      `03${lengthOf(proof)}${proof}`;
    const commands = readBatch(bytesOf(hex));
    expect(named(commands)).toEqual([
      ['application', 7, '6f'],
      ['change', 7, change],
      ['evidence', 7, 'ff'],
    ]);
    expect(hexOf(encodeBatch(commands!))).toBe(hex);
    expect(readChange(commands![1]!.data)).toEqual({
      publicKey: bytesOf(key),
      weight: 5,
      address: { host: 'a', port: 7000 },
    });
  });

  it('has one form', () => {
    expect(readBatch(bytesOf('0200'))).toBeNull();
    expect(readBatch(bytesOf(`02010112${nonce}076f`))).toBeNull();
    expect(readBatch(bytesOf(`02010412${nonce}076f`))).toBeNull();
    expect(readBatch(bytesOf('0300'))).toBeNull();
  });

  it('names the same bytes of two kinds differently', () => {
    const [one] = readBatch(bytesOf(`010112${nonce}076f`))!;
    const [other] = readBatch(bytesOf(`02010212${nonce}076f`))!;
    expect(hexOf(one!.bytes)).toBe(hexOf(other!.bytes));
    expect(one!.id).not.toBe(other!.id);
  });

  it('comes back as it was, or is none, whatever the bytes are', () => {
    const kind = fc.constantFrom('application' as const, 'change' as const, 'evidence' as const);
    const made = fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(1_000), kind)
      .map(([data, height, each]) => makeCommand(data, height, each));
    const commands = fc.array(made, { maxLength: 5 });
    fc.assert(
      fc.property(commands, fc.nat(), fc.nat(255), (batch, at, byte) => {
        const bytes = encodeBatch(batch);
        expect(readBatch(bytes)).toEqual(batch);
        bytes[at % bytes.length] = byte;
        const read = readBatch(bytes);
        if (read !== null) expect(hexOf(encodeBatch(read))).toBe(hexOf(bytes));
      }),
      { seed },
    );
  });
});

describe('a change', () => {
  const publicKey = bytesOf(key);
  const address = { host: 'host', port: 7000 };

  it('has these bytes', () => {
    const added = { publicKey, weight: 300, address };
    expect(hexOf(encodeChange(added))).toBe(`01${key}ac020104${'686f7374'}d836`);
    expect(readChange(encodeChange(added))).toEqual(added);
    const removed = { publicKey, weight: 0, address: null };
    expect(hexOf(encodeChange(removed))).toBe(`01${key}0000`);
    expect(readChange(encodeChange(removed))).toEqual(removed);
  });

  it.each([
    ['a short key', { publicKey: publicKey.subarray(1), weight: 1, address }],
    ['no address', { publicKey, weight: 1, address: null }],
    ['an address of nobody', { publicKey, weight: 0, address }],
    ['half a vote', { publicKey, weight: 0.5, address }],
    ['no host', { publicKey, weight: 1, address: { host: '', port: 1 } }],
    ['no port', { publicKey, weight: 1, address: { host: 'a', port: 0 } }],
    ['a port beyond', { publicKey, weight: 1, address: { host: 'a', port: 65_536 } }],
  ])('is refused with %s', (_, change) => {
    expect(() => encodeChange(change)).toThrow(expect.objectContaining({ code: 'bad-change' }));
  });

  it.each([
    ['a newer version', `02${key}0000`],
    ['a cut off end', `01${key}00`],
    ['an address of nobody', `01${key}00010161d836`],
    ['no address', `01${key}0100`],
    ['no port', `01${key}0101016100`],
    ['bytes left over', `01${key}000000`],
  ])('is not read with %s', (_, hex) => {
    expect(() => readChange(bytesOf(hex))).toThrow(
      expect.objectContaining({ code: 'bad-encoding' }),
    );
  });
});

describe('a proof', () => {
  const signature = new Uint8Array(64);
  const vote = { type: 'prevote', from: 'a', height: 3, round: 0, value: 'v', signature } as const;
  const message = { type: 'vote', vote } as const;
  const other = { type: 'vote', vote: { ...vote, value: null } } as const;

  it('is two messages that differ, and nothing else', () => {
    const { culprit, height } = readProof(encodeMessages([message, other]));
    expect({ culprit, height }).toEqual({ culprit: 'a', height: 3 });
    for (const messages of [
      [],
      [message],
      [message, message],
      [message, other, other],
      [message, { type: 'value', bytes: new Uint8Array() } as const],
    ]) {
      expect(() => readProof(encodeMessages(messages))).toThrow('proves nothing');
    }
  });
});

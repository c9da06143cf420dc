import { describe, expect, it } from 'vitest';
import { BftError } from '../../../../consensus/bft/index.js';
import { valueIdOf } from '../../../../nodes/bft/batch.js';
import {
  LARGE_VALUE_BYTES_MAX,
  PARTS_PER_CALL_MAX,
  PART_BYTES,
} from '../../../../nodes/bft/limits.js';
import { PartSet, isInParts, readPartsName } from '../../../../nodes/bft/parts/part-set.js';
import {
  encodeAnswer,
  encodeHeld,
  encodeRequest,
  encodeWaiting,
  readAnswer,
  readHeld,
  readRequest,
  readWaiting,
} from '../../../../nodes/bft/parts/wire.js';
import { isNameOf } from '../../../../nodes/bft/proven.js';
import { hasParts, isNameAt } from '../../../../nodes/bft/value-limits.js';
import { RandomStream } from '../../../../sim/world/index.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`parts of a value: SEED=${seed}`);

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
/** Bytes that differ from part to part. */
const valueOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 16)) & 0xff);

const two = PartSet.of(valueOf(PART_BYTES + 1));
/** Computed apart from this code, by `sha256` over the bytes that RFC 6962 names. */
const TWO = 'parts1-65537-2-e65b5a257921a6810663615a9dd9a97f516c4dd0891f9054f124c49b36e6e5f9';

describe('the name of a value in parts', () => {
  it('stays as it is', () => {
    expect(two.id).toBe(TWO);
  });

  it('says what is to come', () => {
    const set = PartSet.of(valueOf(3 * PART_BYTES + 5));
    const { length, count } = readPartsName(set.id)!;
    expect([length, count]).toEqual([3 * PART_BYTES + 5, 4]);
    expect(isInParts(set.id)).toBe(true);
    expect(isInParts(valueIdOf(valueOf(5)))).toBe(false);
  });

  const root = 'ab'.repeat(32);
  it.each([
    ['of one part', `parts1-${PART_BYTES}-1-${root}`],
    ['of gigabytes', `parts1-8589934592-131072-${root}`],
    ['beyond the most', `parts1-${LARGE_VALUE_BYTES_MAX + 1}-273-${root}`],
    ['of 2^32 parts', `parts1-65537-4294967296-${root}`],
    ['of too many parts', `parts1-65537-3-${root}`],
    ['of too few parts', `parts1-131073-2-${root}`],
    ['with a second form', `parts1-065537-2-${root}`],
    ['with a second form of the root', `parts1-65537-2-${root.toUpperCase()}`],
    ['without its root', 'parts1-65537-2-'],
    ['of a later version', `parts2-65537-2-${root}`],
    ['with a line behind', `parts1-65537-2-${root}\n`],
  ])('is none %s', (_, name) => {
    expect(readPartsName(name)).toBeNull();
    expect(PartSet.empty(name)).toBeNull();
  });

  it('is the one that a value has at its height, and no other', () => {
    const cases = [
      [PART_BYTES, 5, false],
      [PART_BYTES + 1, 4, false],
      [PART_BYTES + 1, 5, true],
      [PART_BYTES + 1, 6, true],
    ] as const;
    for (const [length, height, expected] of cases) {
      expect(hasParts(length, height, 5)).toBe(expected);
      expect(isNameAt(two.id, length, height, 5)).toBe(expected);
      expect(isNameAt(valueIdOf(valueOf(1)), length, height, 5)).toBe(!expected);
    }
    expect(hasParts(PART_BYTES + 1, 5, Infinity)).toBe(false);
  });

  it('is that of these bytes alone', () => {
    const bytes = valueOf(PART_BYTES + 1);
    expect(isNameOf(two.id, bytes)).toBe(true);
    expect(isNameOf(two.id, bytes.subarray(1))).toBe(false);
    expect(isNameOf(two.id, valueOf(PART_BYTES + 2))).toBe(false);
    const [, , count, hash] = two.id.split('-');
    expect(isNameOf(`parts1-${bytes.length + 1}-${count}-${hash}`, bytes)).toBe(false);
    bytes[PART_BYTES]! ^= 1;
    expect(isNameOf(two.id, bytes)).toBe(false);
  });
});

describe('a value in parts', () => {
  it('is put together from parts in any order, each proven when it comes', () => {
    const random = new RandomStream(seed, 'order');
    for (const length of [PART_BYTES + 1, 2 * PART_BYTES, 5 * PART_BYTES - 1, 9 * PART_BYTES]) {
      const bytes = valueOf(length);
      const whole = PartSet.of(bytes);
      const set = PartSet.empty(whole.id)!;
      const places = Array.from({ length: whole.about.count }, (_, at) => at);
      while (places.length > 0) {
        expect(set.isWhole).toBe(false);
        const [place] = places.splice(random.integer(0, places.length - 1), 1);
        const part = whole.part(place!)!;
        expect(set.add(place!, part)).toBe('new');
        expect(set.add(place!, part)).toBe('known');
      }
      expect(set.isWhole).toBe(true);
      expect(Buffer.compare(set.bytes, bytes)).toBe(0);
      expect(hexOf(set.held)).toBe(hexOf(whole.held));
      // Who has it from others can give it on.
      const third = PartSet.empty(whole.id)!;
      for (let at = 0; at < whole.about.count; at += 1) {
        expect(third.add(at, set.part(at)!)).toBe('new');
      }
    }
  });

  it('takes nothing that is not the part of its place', () => {
    const whole = PartSet.of(valueOf(4 * PART_BYTES + 7));
    const set = PartSet.empty(whole.id)!;
    const last = whole.part(4)!;
    const first = whole.part(0)!;
    const changed = first.bytes.slice();
    changed[9]! ^= 1;
    const wrong = [
      [0, { ...first, bytes: changed }],
      [1, first],
      [4, first],
      [0, { ...first, proof: first.proof.slice(1) }],
      [0, { ...first, proof: [] }],
      [4, { ...last, bytes: Buffer.concat([last.bytes, Buffer.alloc(1)]) }],
      [4, { ...last, bytes: last.bytes.subarray(1) }],
      [5, last],
    ] as const;
    for (const [place, part] of wrong) expect(set.add(place, part)).toBe('wrong');
    expect(set.received).toBe(0);
    expect(hexOf(set.held)).toBe('00');
    expect(() => set.bytes).toThrow(/whole/);
  });

  it('keeps no view of what came', () => {
    const whole = PartSet.of(valueOf(2 * PART_BYTES));
    const set = PartSet.empty(whole.id)!;
    for (const at of [0, 1]) {
      const { bytes, proof } = whole.part(at)!;
      const hashes = proof.map((hash) => Buffer.from(hash));
      const came = { bytes: Buffer.from(bytes), proof: hashes };
      set.add(at, came);
      came.bytes.fill(0);
      came.proof.forEach((hash) => hash.fill(0));
    }
    expect(isNameOf(whole.id, set.bytes)).toBe(true);
    expect(PartSet.empty(whole.id)!.add(1, set.part(1)!)).toBe('new');
  });
});

describe('messages about parts', () => {
  const name = hexOf(Buffer.from(TWO));
  const nameLength = Buffer.from([TWO.length]).toString('hex');

  it('stay as they are', () => {
    const held = { id: TWO, bitmap: Uint8Array.of(2) };
    expect(hexOf(encodeHeld(held))).toBe(`01${nameLength}${name}02`);
    expect(readHeld(encodeHeld(held))).toEqual(held);
    const request = { height: 300, id: TWO, places: [0, 1] };
    expect(hexOf(encodeRequest(request))).toBe(`01ac02${nameLength}${name}020001`);
    expect(readRequest(encodeRequest(request))).toEqual(request);
    const hash = new Uint8Array(32).fill(7);
    const parts = [{ place: 1, bytes: Uint8Array.of(120, 121, 122), proof: [hash] }];
    const answer = encodeAnswer(parts);
    expect(hexOf(answer)).toBe(`0101010378797a01${'07'.repeat(32)}`);
    expect(readAnswer(answer, two.about)).toEqual(parts);
    expect(hexOf(encodeWaiting(300))).toBe('01ac02');
    expect(readWaiting(bytesOf('01ac02'))).toBe(300);
  });

  it.each([
    ['a bitmap of another length', () => readHeld(bytesOf(`01${nameLength}${name}0200`))],
    ['no bitmap', () => readHeld(bytesOf(`01${nameLength}${name}`))],
    ['a bit beyond the parts', () => readHeld(bytesOf(`01${nameLength}${name}04`))],
    ['a later version', () => readHeld(bytesOf(`02${nameLength}${name}02`))],
    ['a name of no parts', () => readHeld(bytesOf('010161'))],
    ['no places', () => readRequest(bytesOf(`01ac02${nameLength}${name}00`))],
    ['a place twice', () => readRequest(bytesOf(`01ac02${nameLength}${name}020101`))],
    ['places that fall', () => readRequest(bytesOf(`01ac02${nameLength}${name}020100`))],
    ['a place beyond', () => readRequest(bytesOf(`01ac02${nameLength}${name}0102`))],
    ['2^32 places', () => readRequest(bytesOf(`01ac02${nameLength}${name}8080808010`))],
    ['bytes behind', () => readRequest(bytesOf(`01ac02${nameLength}${name}010100`))],
    ['a part that is too long', () => readAnswer(bytesOf('010100818004'), two.about)],
    [
      'a proof that is too long',
      () => readAnswer(bytesOf(`0101000002${'07'.repeat(64)}`), two.about),
    ],
    ['a long answer', () => readAnswer(new Uint8Array(2 ** 20), two.about)],
    ['nothing', () => readWaiting(new Uint8Array())],
  ])('are none with %s', (_, read) => {
    expect(read).toThrow(BftError);
  });

  it('are read or refused whatever comes, and have one form', () => {
    const random = new RandomStream(seed, 'bytes');
    const made = PartSet.of(valueOf(PARTS_PER_CALL_MAX * PART_BYTES));
    const requested = { height: 9, id: made.id, places: [1, 3] };
    const samples = [
      encodeRequest(requested),
      encodeHeld({ id: made.id, bitmap: made.held }),
      encodeAnswer([{ place: 3, bytes: Buffer.from('part'), proof: made.part(3)!.proof }]),
    ];
    const readers = [
      (bytes: Uint8Array) => encodeRequest(readRequest(bytes)),
      (bytes: Uint8Array) => encodeHeld(readHeld(bytes)),
      (bytes: Uint8Array) => encodeAnswer(readAnswer(bytes, made.about)),
    ];
    for (let run = 0; run < 3_000; run += 1) {
      const bytes = random.pick(samples).slice(0, random.integer(0, 400));
      for (let count = random.integer(0, 3); count > 0 && bytes.length > 0; count -= 1) {
        bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
      }
      for (const again of readers) {
        try {
          expect(hexOf(again(bytes))).toBe(hexOf(bytes));
        } catch (error) {
          if (!(error instanceof BftError)) throw error;
        }
      }
    }
  });
});

/**
 * Polkas that allowed what this validator signed, so that it can justify itself when somebody asks
 * (`consensus/bft/accountability.ts`). Two files take turns: when one is full, the older one begins
 * anew, so that at least the last `POLKAS_FILE_BYTES` of them are there.
 *
 *     record    an envelope (`consensus/bft/codec.ts`) of one certificate
 */
import { join } from 'node:path';
import {
  type Accusation,
  type Certificate,
  type SignedVote,
  decodeMessages,
  encodeMessages,
} from '../../consensus/bft/index.js';
import { bad } from '../../consensus/bft/fields.js';
import { type StorageDisk, nodeDisk } from '../storage/index.js';
import { FramedLog } from './framed-log.js';
import { POLKAS_FILE_BYTES } from './limits.js';

/** Where a polka lies, and what it is for. */
interface Kept {
  readonly log: FramedLog;
  readonly at: number;
  readonly height: number;
  readonly round: number;
  readonly value: string;
}

/** See the head of this file. */
export class PolkaStore {
  /** Oldest first. */
  #kept: Kept[] = [];

  private constructor(
    /** The one that is written, and the other one. */
    private logs: readonly [FramedLog, FramedLog],
    private readonly fileBytes: number,
  ) {}

  /** Throws `ValidatorError` and `StorageError`. */
  static async open(
    directory: string,
    chain: Uint8Array,
    disk: StorageDisk = nodeDisk,
    fileBytes = POLKAS_FILE_BYTES,
  ): Promise<PolkaStore> {
    const open = (name: string): Promise<FramedLog> =>
      FramedLog.open({ path: join(directory, name), magic: 'AFBFTpo', chain }, disk);
    const first = await open('polkas-0');
    try {
      const second = await open('polkas-1');
      try {
        const kept = [await readAll(first), await readAll(second)] as const;
        const [one, two] = kept.map((each) => each.at(-1)?.height ?? 0) as [number, number];
        const store = new PolkaStore(two > one ? [second, first] : [first, second], fileBytes);
        store.#kept = two > one ? [...kept[0], ...kept[1]] : [...kept[1], ...kept[0]];
        return store;
      } catch (error) {
        await second.close();
        throw error;
      }
    } catch (error) {
      await first.close();
      throw error;
    }
  }

  /** Resolves when the polka is durable. One call at a time. Throws a `StorageError`. */
  async keep(polka: Certificate): Promise<void> {
    const [vote] = polka;
    if (vote === undefined || vote.value === null) return;
    const { height, round, value } = vote;
    // Those of this height are the last ones.
    const isKnown = this.#kept
      .slice(this.#kept.findLastIndex((each) => each.height < height) + 1)
      .some((each) => isOf(each, height, round, value));
    if (isKnown) return;
    const record = encodePolka(polka);
    const [current, other] = this.logs;
    if (current.count > 0 && current.bytes + record.length > this.fileBytes) {
      this.#kept = this.#kept.filter(({ log }) => log !== other);
      await other.clear();
      this.logs = [other, current];
    }
    const [log] = this.logs;
    await log.append(record);
    this.#kept.push({ log, at: log.count - 1, height, round, value });
  }

  /** The record that answers an accusation, null if none is here. */
  async answer(accusation: Accusation): Promise<Uint8Array | null> {
    const { height, round, value } = accusation.precommit;
    const found = this.#kept.find((each) => {
      if (accusation.type === 'unfounded') return isOf(each, height, round, value);
      const { prevote } = accusation;
      const isWithin = each.round >= round && each.round < prevote.round;
      return each.height === height && isWithin && each.value === prevote.value;
    });
    return found === undefined ? null : found.log.read(found.at);
  }

  async close(): Promise<void> {
    await Promise.all(this.logs.map((log) => log.close()));
  }
}

/** Bytes of a polka whose votes are signed. */
export function encodePolka(polka: Certificate): Uint8Array {
  return encodeMessages([{ type: 'certificate', certificate: polka as readonly SignedVote[] }]);
}

/** Reads a polka; neither its signatures nor whether it is one are checked. Throws `BftError`. */
export function readPolka(bytes: Uint8Array): readonly SignedVote[] {
  const [first, ...rest] = decodeMessages(bytes);
  if (first?.type !== 'certificate' || rest.length > 0) throw bad('a polka that is none');
  return first.certificate;
}

async function readAll(log: FramedLog): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (let at = 0; at < log.count; at += 1) {
    const [vote] = readPolka(await log.read(at));
    if (vote === undefined || vote.value === null) throw bad('a polka without a vote or value');
    const { height, round, value } = vote;
    kept.push({ log, at, height, round, value });
  }
  return kept;
}

function isOf(each: Kept, height: number, round: number, value: string | null): boolean {
  return each.height === height && each.round === round && each.value === value;
}

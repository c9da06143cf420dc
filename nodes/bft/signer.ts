/**
 * Signs proposals and votes, at most one of each height, round and step. What was signed last is in a
 * file of its own, durable before the signature is given out, so that neither a crash nor an old copy
 * of all other files makes a validator contradict itself. This file must never be restored from a
 * backup. Its writes are one sector each: a slot that is not sound is damage, not a write cut short.
 *
 *     data      version u8, height u64, round u64, step u8, SHA-256 of what was signed, signature
 */
import { createHash, createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { type OwnMessage, placeOf, signedBytes } from '../../consensus/bft/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { type StorageDisk, nodeDisk } from '../storage/index.js';
import { ValidatorError } from './error.js';
import { SIGNER_SLOT_BYTES } from './limits.js';
import { SlotFile } from './slot-file.js';

const DATA_BYTES = 1 + 8 + 8 + 1 + 32 + 64;

/** What was signed last. */
interface LastSigned {
  readonly height: number;
  readonly round: number;
  /** 0 proposal, 1 prevote, 2 precommit. */
  readonly step: number;
  readonly digest: Buffer;
  readonly signature: Uint8Array;
}

/** See the head of this file. */
export class Signer {
  readonly #chain: Uint8Array;
  readonly #key: KeyObject;
  readonly #file: SlotFile;
  #last: LastSigned | null;
  #busy: Promise<unknown> = Promise.resolve();
  #failure: unknown = null;

  private constructor(
    chain: Uint8Array,
    key: KeyObject,
    file: SlotFile,
    last: LastSigned | null,
    /** Whether the file was not there. */
    readonly isMade: boolean,
  ) {
    this.#chain = chain;
    this.#key = key;
    this.#file = file;
    this.#last = last;
  }

  /**
   * Opens or makes the file at `path`. `chain` is the digest of the chain.
   * Throws `ValidatorError` (`damaged`, `newer-version`, `other-chain`) and `StorageError`.
   */
  static async open(
    path: string,
    chain: Uint8Array,
    { peerId, privateKeyPem }: Identity,
    disk: StorageDisk = nodeDisk,
  ): Promise<Signer> {
    const owner = createHash('sha256').update(chain).update(peerId).digest();
    const options = {
      path,
      magic: 'AFBFTsg',
      version: 1,
      slotBytes: SIGNER_SLOT_BYTES,
      chain: owner,
      isWhole: true,
    };
    const { file, data, isMade } = await SlotFile.open(options, disk);
    return new Signer(chain, createPrivateKey(privateKeyPem), file, readLast(data), isMade);
  }

  /** Whether nothing was ever signed with this file. */
  get isNew(): boolean {
    return this.#last === null;
  }

  /**
   * The height of what was signed last if that comes after `message`, the last one of the record: then
   * the record is an older copy. Null if it is not.
   */
  heightBeyond(message: OwnMessage | undefined): number | null {
    if (this.#last === null) return null;
    const isKnown = message !== undefined && compare(placeOf(message), this.#last) >= 0;
    return isKnown ? null : this.#last.height;
  }

  /**
   * The signature, once it is durable that it was made. The message signed last is signed again with the
   * same bytes. Throws `ValidatorError` with code `double-sign` for what comes before it or contradicts it.
   */
  sign(message: OwnMessage): Promise<Uint8Array> {
    const signed = this.#busy.then(() => this.#sign(message));
    this.#busy = signed.catch(() => {});
    return signed;
  }

  async close(): Promise<void> {
    await this.#busy;
    await this.#file.close();
  }

  async #sign(message: OwnMessage): Promise<Uint8Array> {
    const [height, round, step] = placeOf(message);
    const bytes = signedBytes(this.#chain, message);
    const digest = createHash('sha256').update(bytes).digest();
    const last = this.#last;
    const order = last === null ? 1 : compare([height, round, step], last);
    if (order === 0 && last?.digest.equals(digest) === true) return last.signature;
    if (order <= 0) {
      throw new ValidatorError(
        'double-sign',
        `height ${height}, round ${round}: something else was signed there or later; it stays so`,
      );
    }
    if (this.#failure !== null) throw this.#failure;
    const signature = sign(null, bytes, this.#key);
    const next: LastSigned = { height, round, step, digest, signature };
    try {
      await this.#file.write(encodeLast(next));
    } catch (error) {
      // What is on the disk may be either: nothing is signed any more.
      this.#failure = error;
      throw error;
    }
    this.#last = next;
    return signature;
  }
}

function compare(place: readonly [number, number, number], last: LastSigned): number {
  return place[0] - last.height || place[1] - last.round || place[2] - last.step;
}

function encodeLast({ height, round, step, digest, signature }: LastSigned): Buffer {
  const data = Buffer.alloc(DATA_BYTES);
  data.writeUInt8(1, 0);
  data.writeBigUInt64LE(BigInt(height), 1);
  data.writeBigUInt64LE(BigInt(round), 9);
  data.writeUInt8(step, 17);
  data.set(digest, 18);
  data.set(signature, 50);
  return data;
}

function readLast(data: Uint8Array | null): LastSigned | null {
  if (data === null) return null;
  const bytes = Buffer.from(data);
  if (bytes.length !== DATA_BYTES || bytes.readUInt8(0) !== 1) {
    throw new ValidatorError('newer-version', 'the state of the signer is of a newer release');
  }
  return {
    height: Number(bytes.readBigUInt64LE(1)),
    round: Number(bytes.readBigUInt64LE(9)),
    step: bytes.readUInt8(17),
    digest: bytes.subarray(18, 50),
    signature: bytes.subarray(50),
  };
}

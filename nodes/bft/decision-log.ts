/**
 * All that was decided, in segments one behind the other. Without checkpoints there is one, `decisions`,
 * for ever. With them another one begins behind each; so that those in which nothing is needed any more
 * are deleted as a whole, the oldest first, and what is left is without a gap whenever that ends.
 *
 *     decisions        from height 1 on
 *     decisions-N      from height N on; the name of the chain in its header is SHA-256 of the chain
 *                      and N, u64
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { toStorageError } from '../storage/error.js';
import type { StorageDisk } from '../storage/index.js';
import { ValidatorError } from './error.js';
import { FramedLog } from './framed-log.js';

const FIRST = 'decisions';
const LATER = /^decisions-([1-9][0-9]{0,15})$/;

interface Segment {
  /** The height of its first decision. */
  readonly first: number;
  readonly path: string;
  readonly log: FramedLog;
}

/** Where a log is, and of which chain. */
interface DecisionLogOptions {
  readonly directory: string;
  readonly chain: Uint8Array;
  /** The last stable checkpoint that is here; 0 if there is none. */
  readonly checkpoint: number;
}

/** See the head of this file. */
export class DecisionLog {
  /** Oldest first; at least one. */
  #segments: Segment[] = [];

  private constructor(
    private readonly directory: string,
    private readonly chain: Uint8Array,
    private readonly disk: StorageDisk,
  ) {}

  /**
   * Throws `ValidatorError` (`damaged`, `newer-version`, `other-chain`) and `StorageError`. Ends what a
   * stop has interrupted: what a later checkpoint makes useless is deleted.
   */
  static async open(
    { directory, chain, checkpoint }: DecisionLogOptions,
    disk: StorageDisk,
  ): Promise<DecisionLog> {
    const log = new DecisionLog(directory, chain, disk);
    try {
      const names = await disk.list(directory).catch((error: unknown) => {
        throw toStorageError(error, 'listing', directory);
      });
      const firsts = names.flatMap((name) => {
        return name === FIRST ? [1] : [Number(LATER.exec(name)?.[1] ?? 0)];
      });
      const known = firsts.filter((first) => first > 0).sort((a, b) => a - b);
      if (known.length === 0 && checkpoint === 0) known.push(1);
      for (const first of known) await log.#add(first);
      await log.#mend(checkpoint);
      return log;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  /** The last height that is decided. */
  get count(): number {
    const last = this.#segments.at(-1) as Segment;
    return last.first + last.log.count - 1;
  }

  /** The first height whose decision is here; the next one if none is. */
  get first(): number {
    return (this.#segments[0] as Segment).first;
  }

  /** Resolves when the decision of the next height is durable; as `FramedLog.append`. */
  append(data: Uint8Array): Promise<void> {
    return (this.#segments.at(-1) as Segment).log.append(data);
  }

  /**
   * The record of height `at + 1`. Throws `ValidatorError` (`bad-option` where nothing is decided,
   * `pruned`, `damaged`) and `StorageError`.
   */
  async read(at: number): Promise<Uint8Array> {
    const height = at + 1;
    if (!(height >= 1 && height <= this.count)) {
      throw new ValidatorError('bad-option', `height ${height} is not decided here`);
    }
    const segment = this.#segments.findLast(({ first }) => first <= height);
    if (segment === undefined) throw this.#pruned(height);
    try {
      return await segment.log.read(height - segment.first);
    } catch (error) {
      // It may have been deleted while it was read.
      throw this.#segments.includes(segment) ? error : this.#pruned(height);
    }
  }

  #pruned(height: number): ValidatorError {
    return new ValidatorError(
      'pruned',
      `the decision of height ${height} is deleted here, which has those from height ` +
        `${this.first} on: ask a validator that keeps it`,
    );
  }

  /** The next height begins another segment. */
  async beginSegment(): Promise<void> {
    const next = this.count + 1;
    if (this.#segments.at(-1)?.first !== next) await this.#add(next);
  }

  /** Deletes segments all whose heights are before `height`; the last one stays. */
  async prune(height: number): Promise<void> {
    while ((this.#segments[1]?.first ?? Infinity) <= height) await this.#removeFirst();
  }

  /** Passes over to the height behind a checkpoint: nothing from before it is left. */
  async leap(checkpoint: number): Promise<void> {
    // Somebody may ask for decisions meanwhile. A stop leaves a gap, which the checkpoint explains.
    await this.#add(checkpoint + 1);
    while (this.#segments.length > 1) await this.#removeFirst();
  }

  async close(): Promise<void> {
    for (const { log } of this.#segments) await log.close();
  }

  /** What a stop left: a gap, or an end, before a checkpoint. */
  async #mend(checkpoint: number): Promise<void> {
    const follows = (at: number): boolean => {
      const [before, after] = [this.#segments[at - 1] as Segment, this.#segments[at] as Segment];
      return before.first + before.log.count === after.first;
    };
    let start = Math.max(0, this.#segments.length - 1);
    while (start > 0 && follows(start)) start -= 1;
    const first = this.#segments[start]?.first ?? 1;
    if (first > checkpoint + 1) {
      throw new ValidatorError(
        'damaged',
        `${this.directory} has the decisions from height ${first} on and neither those before nor a ` +
          'checkpoint: put the files back, or delete all of decisions and let the others have it',
      );
    }
    for (let count = 0; count < start; count += 1) await this.#removeFirst();
    if (this.#segments.length === 0 || this.count < checkpoint) await this.leap(checkpoint);
  }

  async #add(first: number): Promise<void> {
    const path = join(this.directory, first === 1 ? FIRST : `${FIRST}-${first}`);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(first));
    const named = createHash('sha256').update(this.chain).update(bytes).digest();
    const chain = first === 1 ? this.chain : named;
    const log = await FramedLog.open({ path, magic: 'AFBFTde', chain }, this.disk);
    this.#segments.push({ first, path, log });
  }

  async #removeFirst(): Promise<void> {
    const { log, path } = this.#segments.shift() as Segment;
    await log.close();
    try {
      await this.disk.remove(path);
      await this.disk.syncDirectory(this.directory);
    } catch (error) {
      throw toStorageError(error, 'deleting', path);
    }
  }
}

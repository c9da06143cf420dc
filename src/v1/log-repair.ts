/**
 * Makes SQLite read a write-ahead log past a damaged place. SQLite stops at the first frame whose checksum
 * is wrong, though whole transactions may follow. Each frame carries the checksum of all before it, so
 * each can be judged by the one before. Format: section 4 of sqlite.org/fileformat2.html.
 */
import { closeSync, fstatSync, openSync, readSync, renameSync, writeSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

type Checksum = readonly [number, number];

/**
 * Rewrites the log of a throwaway copy without its damaged frames if a finished transaction lies behind
 * them; a transaction without an end is left to SQLite. Returns how many frames were left out.
 */
export function repairLog(path: string): number {
  let input: number;
  try {
    input = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  try {
    const log = LogFrames.open(input);
    const verdict = log?.judge();
    if (log === undefined || verdict === undefined) return 0;
    log.writeSound(verdict, `${path}.mended`);
    renameSync(`${path}.mended`, path);
    return verdict.damaged.size;
  } finally {
    closeSync(input);
  }
}

interface Verdict {
  /** Frames up to the end of the last finished transaction. */
  readonly frames: number;
  readonly damaged: ReadonlySet<number>;
}

class LogFrames {
  readonly #input: number;
  readonly #header: Buffer;
  readonly #frameBytes: number;
  readonly #frames: number;
  /** Whether the checksums read their numbers with the high byte first. */
  readonly #isBigEndian: boolean;

  private constructor(input: number, header: Buffer, size: number) {
    this.#input = input;
    this.#header = header;
    this.#frameBytes = FRAME_HEADER_BYTES + header.readUInt32BE(8);
    this.#frames = Math.floor((size - HEADER_BYTES) / this.#frameBytes);
    this.#isBigEndian = header.readUInt32BE(0) % 2 === 1;
  }

  /** Undefined where the header is no log's; then SQLite takes nothing of it either. */
  static open(input: number): LogFrames | undefined {
    const { size } = fstatSync(input);
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(input, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
    const isLog = (header.readUInt32BE(0) & ~1) >>> 0 === MAGIC;
    const pageBytes = header.readUInt32BE(8);
    const isPageSize =
      pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
    return isLog && isPageSize ? new LogFrames(input, header, size) : undefined;
  }

  #frame(index: number): Buffer {
    const frame = Buffer.alloc(this.#frameBytes);
    readSync(this.#input, frame, 0, frame.length, HEADER_BYTES + index * this.#frameBytes);
    return frame;
  }

  /** Undefined if no finished transaction lies behind a damaged frame. */
  judge(): Verdict | undefined {
    const damaged = new Set<number>();
    let stored = storedChecksum(this.#header, 24);
    let computed = stored;
    let end = 0;
    for (let index = 0; index < this.#frames; index += 1) {
      const frame = this.#frame(index);
      const told = storedChecksum(frame, 16);
      const sums = [stored, computed].map((before) => this.#checksum(frame, before));
      const isSound =
        frame.compare(this.#header, 16, 24, 8, 16) === 0 && sums.some((sum) => isSame(sum, told));
      if (!isSound) damaged.add(index);
      if (isSound && frame.readUInt32BE(4) !== 0) end = index + 1;
      [stored, computed] = [told, sums[1] ?? told];
    }
    const before = [...damaged].filter((index) => index < end);
    return before.length === 0 ? undefined : { frames: end, damaged: new Set(before) };
  }

  writeSound({ frames, damaged }: Verdict, path: string): void {
    const output = openSync(path, 'w', 0o600);
    try {
      writeSync(output, this.#header);
      let before = storedChecksum(this.#header, 24);
      for (let index = 0; index < frames; index += 1) {
        if (damaged.has(index)) continue;
        const frame = this.#frame(index);
        before = this.#checksum(frame, before);
        frame.writeUInt32BE(before[0], 16);
        frame.writeUInt32BE(before[1], 20);
        writeSync(output, frame);
      }
    } finally {
      closeSync(output);
    }
  }

  /** Over the page number, the size after a commit, and the page. */
  #checksum(frame: Buffer, before: Checksum): Checksum {
    let [first, second] = before;
    const add = (at: number): void => {
      const left = this.#isBigEndian ? frame.readUInt32BE(at) : frame.readUInt32LE(at);
      const right = this.#isBigEndian ? frame.readUInt32BE(at + 4) : frame.readUInt32LE(at + 4);
      first = (first + left + second) >>> 0;
      second = (second + right + first) >>> 0;
    };
    add(0);
    for (let at = FRAME_HEADER_BYTES; at < frame.length; at += 8) add(at);
    return [first, second];
  }
}

function storedChecksum(bytes: Buffer, at: number): Checksum {
  return [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
}

function isSame(a: Checksum, b: Checksum): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

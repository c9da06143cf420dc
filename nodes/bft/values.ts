/** Bytes of the values of the height under way, by their names. */
import type { ValueId } from '../../consensus/bft/index.js';
import type { FramedLog } from './framed-log.js';
import { VALUES_BYTES_MAX, VALUES_FILE_BYTES, VALUES_MAX } from './limits.js';

/** See the head of this file. */
export class Values {
  readonly #values = new Map<ValueId, Uint8Array>();
  /** Those on the disk, with their places in the log. */
  readonly #durable = new Map<ValueId, number>();
  readonly #log: FramedLog;
  /** What the record says was said or is valid: it stays in memory. */
  #needed: ReadonlySet<ValueId> = new Set();
  #bytes = 0;

  private constructor(
    log: FramedLog,
    private readonly bytesMax: number,
  ) {
    this.#log = log;
  }

  /** With the values that the log has; `nameOf` gives what a value is called in the height under way. */
  static async load(
    log: FramedLog,
    nameOf: (bytes: Uint8Array) => ValueId,
    bytesMax = VALUES_BYTES_MAX,
  ): Promise<Values> {
    const values = new Values(log, bytesMax);
    for (let at = 0; at < log.count; at += 1) {
      const bytes = await log.read(at);
      const id = nameOf(bytes);
      values.#durable.set(id, at);
      values.keep(id, bytes);
    }
    return values;
  }

  get(id: ValueId): Uint8Array | undefined {
    return this.#values.get(id);
  }

  /** A value that had to make room in memory, from the disk; undefined if it is not there. */
  async restore(id: ValueId): Promise<Uint8Array | undefined> {
    const known = this.#values.get(id);
    const place = this.#durable.get(id);
    if (known !== undefined || place === undefined) return known;
    const bytes = await this.#log.read(place);
    this.keep(id, bytes);
    return bytes;
  }

  /**
   * Keeps a value. The oldest of those that nothing on the disk depends on makes room; and where they are
   * large, those make room that can be read again.
   */
  keep(id: ValueId, bytes: Uint8Array): void {
    if (this.#values.has(id)) return;
    this.#values.set(id, bytes);
    this.#bytes += bytes.length;
    const spare = [...this.#values.keys()].filter((each) => !this.#durable.has(each));
    if (spare.length > VALUES_MAX) this.#forget(spare.shift() as ValueId);
    const written = [...this.#values.keys()].filter((each) => this.#durable.has(each));
    for (const each of [...spare, ...written]) {
      if (this.#bytes <= this.bytesMax) return;
      if (each !== id && !this.#needed.has(each)) this.#forget(each);
    }
  }

  /** Makes those of the values that are here durable. One call at a time. */
  async persist(ids: Iterable<ValueId>): Promise<void> {
    this.#needed = new Set(ids);
    for (const id of this.#needed) {
      const bytes = this.#values.get(id);
      if (bytes === undefined || this.#durable.has(id)) continue;
      const place = this.#log.count;
      await this.#log.append(bytes);
      this.#durable.set(id, place);
    }
  }

  /** Forgets the values of a height that is decided, but those that are named. */
  async endHeight(needed: ReadonlySet<ValueId>): Promise<void> {
    const isFull = this.#log.bytes > VALUES_FILE_BYTES;
    if (isFull) await this.#log.clear();
    this.#durable.clear();
    this.#needed = new Set();
    for (const id of this.#values.keys()) if (!needed.has(id)) this.#forget(id);
  }

  #forget(id: ValueId): void {
    this.#bytes -= this.#values.get(id)?.length ?? 0;
    this.#values.delete(id);
  }
}

/** Bytes of the values of the height under way, by their names. */
import type { ValueId } from '../../consensus/bft/index.js';
import { valueIdOf } from './batch.js';
import type { FramedLog } from './framed-log.js';
import { VALUES_FILE_BYTES, VALUES_MAX } from './limits.js';

/** See the head of this file. */
export class Values {
  readonly #values = new Map<ValueId, Uint8Array>();
  readonly #durable = new Set<ValueId>();
  readonly #log: FramedLog;

  private constructor(log: FramedLog) {
    this.#log = log;
  }

  /** With the values that the log has. */
  static async load(log: FramedLog): Promise<Values> {
    const values = new Values(log);
    for (let at = 0; at < log.count; at += 1) {
      const bytes = await log.read(at);
      const id = valueIdOf(bytes);
      values.#values.set(id, bytes);
      values.#durable.add(id);
    }
    return values;
  }

  get(id: ValueId): Uint8Array | undefined {
    return this.#values.get(id);
  }

  /** Keeps a value; of those that nothing on the disk depends on, the oldest makes room. */
  keep(id: ValueId, bytes: Uint8Array): void {
    if (this.#values.has(id)) return;
    this.#values.set(id, bytes);
    const spare = [...this.#values.keys()].filter((each) => !this.#durable.has(each));
    if (spare.length > VALUES_MAX) this.#values.delete(spare[0] as ValueId);
  }

  /** Makes those of the values that are here durable. One call at a time. */
  async persist(ids: Iterable<ValueId>): Promise<void> {
    for (const id of new Set(ids)) {
      const bytes = this.#values.get(id);
      if (bytes === undefined || this.#durable.has(id)) continue;
      await this.#log.append(bytes);
      this.#durable.add(id);
    }
  }

  /** Forgets the values of a height that is decided, but those that are named. */
  async endHeight(needed: ReadonlySet<ValueId>): Promise<void> {
    const isFull = this.#log.bytes > VALUES_FILE_BYTES;
    if (isFull) await this.#log.clear();
    this.#durable.clear();
    for (const id of this.#values.keys()) if (!needed.has(id)) this.#values.delete(id);
  }
}

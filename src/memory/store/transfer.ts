/** A store as JSON Lines, out of it and into it. The lines: `json-lines.ts`. */
import { createReadStream, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HELD_TEXTS } from '../command.js';
import { MemoryError, translateError } from '../errors.js';
import { putInPlace } from '../replace-file.js';
import { badLine, endLine, type Header, headerLine, type Line, parseLine } from './json-lines.js';
import { IMPORT_BATCH_CHARACTERS, IMPORT_BATCH_LINES, LINE_BYTES_MAX } from './limits.js';
import type { MemoryStore } from './memory-store.js';
import {
  checkedVector,
  type EdgeInput,
  linkOperation,
  putOperation,
  type RecordInput,
} from './records.js';
import type { StoreModel } from './store-file.js';
import type { StoreThread } from './thread.js';

/** A file, which is there whole or not at all, or a stream, which is not ended. */
export type ExportTarget = string | Writable;
/** A file, or what gives its bytes. */
export type ImportSource = string | AsyncIterable<Uint8Array | string>;

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  /** `total` is 0 where nobody knows it. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface TransferCounts {
  readonly records: number;
  readonly edges: number;
  /** Of an import: records that had expired, and edges to records that are not there. */
  readonly skipped: number;
}

export async function exportStore(
  thread: StoreThread,
  model: StoreModel | null,
  target: ExportTarget,
  options: TransferOptions,
): Promise<TransferCounts> {
  const start = await thread.admit(0, () => thread.call('openExport', []));
  const counts = { records: start.records, edges: start.edges };
  try {
    const chunks = chunksOf(thread, start.number, counts, model, options);
    if (typeof target === 'string') await writeFile(target, chunks);
    else await pipeline(Readable.from(chunks), target, { end: false });
  } finally {
    // The thread may have ended meanwhile, and its reading with it.
    await thread.call('closeExport', [start.number]).catch(() => undefined);
  }
  return { ...counts, skipped: 0 };
}

async function* chunksOf(
  thread: StoreThread,
  number: number,
  counts: { records: number; edges: number },
  model: StoreModel | null,
  { signal, onProgress }: TransferOptions,
): AsyncGenerator<string> {
  const total = counts.records + counts.edges;
  yield `${headerLine(model, counts)}\n`;
  for (let done = 0; ;) {
    signal?.throwIfAborted();
    const lines = await thread.call('exportPage', [number], { signal });
    if (lines.length === 0) break;
    yield `${lines.join('\n')}\n`;
    done += lines.length;
    onProgress?.(done, total);
  }
  yield `${endLine(counts)}\n`;
}

async function writeFile(path: string, chunks: AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.new`;
  try {
    rmSync(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      for await (const chunk of chunks) await file.appendFile(chunk);
      await file.datasync();
    } finally {
      await file.close();
    }
    putInPlace(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw translateError(error, path);
  }
}

/** Where an import goes. */
export interface ImportInto {
  readonly store: MemoryStore;
  /** Puts records as long as a store holds them, which may be longer than what a program puts. */
  readonly put: (records: readonly RecordInput[]) => Promise<void>;
}

export async function importStore(
  store: ImportInto,
  source: ImportSource,
  options: TransferOptions,
): Promise<TransferCounts> {
  if (typeof source !== 'string') return new Import(store, options).run(linesOf(source));
  const read = (): AsyncIterable<Uint8Array> => createReadStream(source);
  try {
    await new Import(store, { signal: options.signal }, true).run(linesOf(read()));
    return await new Import(store, options).run(linesOf(read()));
  } catch (error) {
    throw translateError(error, source);
  }
}

interface NumberedLine {
  readonly number: number;
  readonly line: Line;
  readonly characters: number;
}

async function* linesOf(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<NumberedLine> {
  let number = 0;
  for await (const bytes of splitLines(source)) {
    number += 1;
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw badLine(number, 'it is no UTF-8');
    }
    if (text.trim() === '') continue;
    yield { number, line: parseLine(text, number), characters: text.length };
  }
}

/** Bytes between line ends; of a line that is too long no more than that is held. */
async function* splitLines(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let number = 1;
  for await (const piece of source) {
    let rest = Buffer.from(piece as Uint8Array);
    for (;;) {
      const end = rest.indexOf(10);
      const part = end < 0 ? rest : rest.subarray(0, end);
      heldBytes += part.length;
      if (heldBytes > LINE_BYTES_MAX) {
        throw badLine(number, `it has more than ${LINE_BYTES_MAX} bytes`);
      }
      held.push(part);
      if (end < 0) break;
      yield Buffer.concat(held);
      held = [];
      heldBytes = 0;
      number += 1;
      rest = rest.subarray(end + 1);
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}

/** One pass over the lines, which puts them or only looks whether they could be put. */
class Import {
  readonly #store: MemoryStore;
  readonly #putAll: ImportInto['put'];
  readonly #options: TransferOptions;
  readonly #isTrial: boolean;
  #header: Header | undefined;
  /** That of the header where the store has none yet. */
  #model: StoreModel | null;
  #isEnded = false;
  #seen = { records: 0, edges: 0 };
  #skipped = 0;
  #records: { input: RecordInput; number: number }[] = [];
  #edges: { input: EdgeInput; number: number }[] = [];
  #characters = 0;

  constructor({ store, put }: ImportInto, options: TransferOptions, isTrial = false) {
    this.#store = store;
    this.#putAll = put;
    this.#options = options;
    this.#isTrial = isTrial;
    this.#model = store.model;
  }

  async run(lines: AsyncIterable<NumberedLine>): Promise<TransferCounts> {
    let last = 0;
    for await (const { number, line, characters } of lines) {
      this.#options.signal?.throwIfAborted();
      last = number;
      if (this.#isEnded) throw badLine(number, 'it comes after the end');
      if (this.#header === undefined && line.type !== 'header') {
        throw badLine(
          number,
          'the first line is the header, {"format":"agentic-flow-memory","version":1}',
        );
      }
      this.#take(line, number);
      this.#characters += characters;
      const waiting = this.#records.length + this.#edges.length;
      if (waiting >= IMPORT_BATCH_LINES || this.#characters >= IMPORT_BATCH_CHARACTERS) {
        await this.#put();
      }
    }
    if (!this.#isEnded) throw badLine(last + 1, 'the end is missing, so the file was cut');
    await this.#put();
    const { records, edges } = this.#seen;
    return { records, edges, skipped: this.#skipped };
  }

  #take(line: Line, number: number): void {
    switch (line.type) {
      case 'header':
        if (this.#header !== undefined) throw badLine(number, 'there is a header already');
        this.#header = line.header;
        this.#model ??= modelOf(line.header);
        return;
      case 'record': {
        // Edges come after all records, else an end might not be there yet.
        const { vector, ...record } = line.record;
        this.#seen.records += 1;
        if (record.expiresAt !== null && record.expiresAt <= Date.now()) {
          this.#skipped += 1;
          return;
        }
        const input = { ...record, ...this.#vectorOf(vector, number) };
        checked(number, () => putOperation(input, HELD_TEXTS));
        if (!this.#isTrial) this.#records.push({ input, number });
        return;
      }
      case 'edge':
        this.#seen.edges += 1;
        checked(number, () => linkOperation(line.edge));
        if (!this.#isTrial) this.#edges.push({ input: line.edge, number });
        return;
      case 'end':
        if (line.records !== this.#seen.records || line.edges !== this.#seen.edges) {
          const { records, edges } = this.#seen;
          throw badLine(
            number,
            `the end tells of ${line.records} records and ${line.edges} edges, before it are ${records} and ${edges}`,
          );
        }
        this.#isEnded = true;
    }
  }

  /** Without a vector the store's embedder makes one. */
  #vectorOf(values: Float32Array | null, number: number): Pick<RecordInput, 'vector'> {
    if (values === null) return {};
    const model = this.#header?.model ?? null;
    if (model === null) throw badLine(number, 'it has a vector, but the header names no model');
    return checked(number, () => {
      return { vector: checkedVector({ model, values }, this.#model, undefined) };
    });
  }

  async #put(): Promise<void> {
    const [records, edges] = [this.#records.splice(0), this.#edges.splice(0)];
    this.#characters = 0;
    if (records.length > 0) {
      const putting = this.#putAll(records.map(({ input }) => input));
      await Promise.all([putting, this.#store.flush()]);
    }
    if (edges.length > 0) {
      const linking = edges.map(({ input }) => this.#link(input));
      await Promise.all([...linking, this.#store.flush()]);
    }
    if (this.#isTrial) return;
    const { records: total = 0, edges: more = 0 } = this.#header ?? {};
    this.#options.onProgress?.(this.#seen.records + this.#seen.edges, total + more);
  }

  async #link(input: EdgeInput): Promise<void> {
    try {
      await this.#store.link(input);
    } catch (error) {
      if (!(error instanceof MemoryError) || error.code !== 'not-found') throw error;
      this.#skipped += 1;
    }
  }
}

function modelOf({ model, dimensions }: Header): StoreModel | null {
  return model === null || dimensions === null ? null : { model, dimensions };
}

/** What is refused, with the number of the line. */
function checked<T>(number: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof MemoryError) throw badLine(number, error.message);
    throw error;
  }
}

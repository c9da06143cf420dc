/** The documents of a node: a file each, opened when somebody asks. */
import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readName } from '../frame-log/frame-log.js';
import { documentFrames } from './document-file.js';
import { DocumentError, messageOf } from './error.js';
import { DOCUMENTS_MAX, DOCUMENTS_OPEN_MAX, NAME_CHARACTERS_MAX } from './limits.js';
import { SharedDocument } from './shared-document.js';

const SUFFIX = '.ydoc';

interface Held {
  readonly opened: Promise<SharedDocument>;
  users: number;
}

/** Throws `DocumentError` `bad-name` unless the name is 1 to 256 characters of well-formed Unicode. */
export function checkName(name: unknown): asserts name is string {
  const isGood =
    typeof name === 'string' &&
    name.length >= 1 &&
    name.length <= NAME_CHARACTERS_MAX &&
    !/[\p{Surrogate}\p{Cc}]/u.test(name);
  if (isGood) return;
  throw new DocumentError(
    'bad-name',
    `the name of a document is a text of 1 to ${NAME_CHARACTERS_MAX} characters without control characters`,
  );
}

export class DocumentStore {
  readonly #directory: string;
  readonly #held = new Map<string, Held>();
  readonly #names: Set<string>;
  /** Told of each document when it is opened, before anybody uses it. */
  onOpened: (document: SharedDocument) => void = () => undefined;
  #isClosed = false;

  private constructor(directory: string, names: Set<string>) {
    this.#directory = directory;
    this.#names = names;
  }

  /**
   * Opens the folder, which is made if it is not there; `onDamaged` hears of files that cannot be read.
   * Only one process may have it open. Throws `DocumentError` `disk`.
   */
  static async open(
    directory: string,
    onDamaged: (sentence: string) => void,
  ): Promise<DocumentStore> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const names = new Set<string>();
      for (const file of await readdir(directory)) {
        if (!file.endsWith(SUFFIX)) continue;
        try {
          names.add(await readName(documentFrames, join(directory, file), NAME_CHARACTERS_MAX));
        } catch (error) {
          onDamaged(messageOf(error));
        }
      }
      return new DocumentStore(directory, names);
    } catch (error) {
      const sentence = `the documents in ${directory} cannot be read: ${messageOf(error)}`;
      throw new DocumentError('disk', sentence, { cause: error });
    }
  }

  /** Names of all documents, in no order. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /**
   * Runs `work` with a document, which is made when it is not there, and keeps it open meanwhile.
   * Throws `DocumentError` `bad-name`, `damaged`, `disk`, `too-large`, and what `work` throws.
   */
  async use<T>(name: string, work: (document: SharedDocument) => Promise<T> | T): Promise<T> {
    checkName(name);
    const held = await this.#hold(name);
    try {
      return await work(await held.opened);
    } finally {
      held.users -= 1;
      await this.#tidy(name, held);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { opened } of this.#held.values()) {
      await opened.then((document) => document.close()).catch(() => undefined);
    }
    this.#held.clear();
  }

  async #hold(name: string): Promise<Held> {
    if (this.#isClosed)
      throw new DocumentError('closed', 'the documents are closed: the node stops');
    const known = this.#held.get(name);
    const document = await known?.opened.catch(() => undefined);
    const current = this.#held.get(name);
    if (current !== undefined && current === known && document?.isUsable === true) {
      current.users += 1;
      return current;
    }
    if (current !== undefined && current !== known) return this.#hold(name);
    if (!this.#names.has(name) && this.#names.size >= DOCUMENTS_MAX) {
      throw new DocumentError('too-large', `this node holds ${DOCUMENTS_MAX} documents already`);
    }
    const held: Held = { opened: this.#open(name, document), users: 1 };
    this.#held.set(name, held);
    try {
      await held.opened;
    } catch (error) {
      if (this.#held.get(name) === held) this.#held.delete(name);
      throw error;
    }
    this.#names.add(name);
    return held;
  }

  async #open(name: string, before: SharedDocument | undefined): Promise<SharedDocument> {
    await before?.close();
    const file = createHash('sha256').update(name).digest('hex') + SUFFIX;
    const document = await SharedDocument.open(join(this.#directory, file), name);
    this.onOpened(document);
    return document;
  }

  /** Closes documents that nobody uses when too many are open, and those that broke. */
  async #tidy(name: string, held: Held): Promise<void> {
    if (this.#held.get(name) === held && held.users === 0) {
      // The one that was used last goes last.
      this.#held.delete(name);
      this.#held.set(name, held);
    }
    if (this.#held.size <= DOCUMENTS_OPEN_MAX) return;
    for (const [oldest, candidate] of this.#held) {
      if (candidate.users > 0) continue;
      this.#held.delete(oldest);
      await candidate.opened.then((document) => document.close());
      return;
    }
  }
}

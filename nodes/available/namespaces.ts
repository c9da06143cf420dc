/** The available namespaces of a node: a file each, opened when the node starts or somebody writes. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { StateCut } from '../../consensus/crdt/index.js';
import { readName } from '../../src/frame-log/frame-log.js';
import { NodeError, messageOf } from '../errors.js';
import { NAMESPACE_LENGTH_MAX } from '../wire/limits.js';
import { NAMESPACES_MAX } from './limits.js';
import { Namespace } from './namespace.js';
import type { NamespacePorts } from './namespace.js';
import { isNamespaceFile, namespaceFrames, namespacePath } from './namespace-file.js';

/** As those of one namespace, of any. */
export interface NamespacesPorts {
  readonly nodeId: number;
  send(to: number, namespace: string, bytes: Uint8Array): void;
  sendState(to: number, namespace: string, cut: StateCut): void;
  changed(namespace: string, ids: readonly string[] | null): void;
  log(message: string): void;
}

export class Namespaces {
  readonly #directory: string;
  readonly #ports: NamespacesPorts;
  readonly #open = new Map<string, Namespace>();
  readonly #opening = new Map<string, Promise<Namespace>>();
  /** Files that could not be read, with why. */
  readonly #unread = new Map<string, string>();
  #isClosed = false;

  private constructor(directory: string, ports: NamespacesPorts) {
    this.#directory = directory;
    this.#ports = ports;
  }

  /**
   * Opens all of a folder, which is made if it is not there; of files that cannot be read the log
   * hears. Throws `NodeError` `directory`.
   */
  static async open(directory: string, ports: NamespacesPorts): Promise<Namespaces> {
    const namespaces = new Namespaces(directory, ports);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      for (const file of await readdir(directory)) {
        if (!isNamespaceFile(file)) continue;
        const path = join(directory, file);
        try {
          await namespaces.use(await readName(namespaceFrames, path, NAMESPACE_LENGTH_MAX));
        } catch (error) {
          namespaces.#unread.set(path, messageOf(error));
          ports.log(messageOf(error));
        }
      }
      return namespaces;
    } catch (error) {
      await namespaces.close();
      const sentence = `available namespaces in ${directory} cannot be read: ${messageOf(error)}`;
      throw new NodeError('directory', sentence, error);
    }
  }

  get names(): string[] {
    return [...this.#open.keys()].sort();
  }

  /** Names of all, for somebody who wants everything. Throws `NodeError` `refused` if some cannot be read. */
  get allNames(): string[] {
    const [unread] = this.#unread.values();
    if (unread === undefined) return this.names;
    throw new NodeError('refused', `available namespaces of this node cannot be read: ${unread}`);
  }

  /** One that is there; its disk may have failed since. */
  get(name: string): Namespace | undefined {
    return this.#open.get(name);
  }

  /** One that is made when it is not there, and opened again when its disk had failed. */
  async use(name: string): Promise<Namespace> {
    const known = this.#open.get(name);
    if (known?.isUsable === true) return known;
    let opening = this.#opening.get(name);
    if (opening === undefined) {
      opening = this.#openOne(name, known).finally(() => this.#opening.delete(name));
      this.#opening.set(name, opening);
    }
    return opening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#opening.values());
    await Promise.all([...this.#open.values()].map((one) => one.close()));
  }

  async #openOne(name: string, before: Namespace | undefined): Promise<Namespace> {
    if (this.#isClosed) throw new NodeError('stopped', 'the node stops');
    if (before === undefined && this.#open.size + this.#opening.size >= NAMESPACES_MAX) {
      const sentence = `this node holds ${NAMESPACES_MAX} available namespaces already`;
      throw new NodeError('refused', sentence);
    }
    await before?.close();
    const { nodeId, send, sendState, changed, log } = this.#ports;
    const ports: NamespacePorts = {
      nodeId,
      send: (to, bytes) => send(to, name, bytes),
      sendState: (to, cut) => sendState(to, name, cut),
      changed: (ids) => changed(name, ids),
      log,
    };
    const path = namespacePath(this.#directory, name);
    const opened = await Namespace.open(path, name, ports, before);
    this.#unread.delete(path);
    this.#open.set(name, opened);
    // Only now whoever is told finds it here.
    changed(name, null);
    return opened;
  }
}

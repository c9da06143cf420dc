/** Commands that wait to be decided, in the order in which they came, and those decided of late. */
import { COMMAND_OVERHEAD_BYTES, type Command } from './batch.js';
import {
  BATCH_BYTES_MAX,
  BATCH_COMMANDS_MAX,
  COMMAND_HEIGHTS_MAX,
  WAITING_BYTES_MAX,
  WAITING_COMMANDS_MAX,
} from './limits.js';

interface Share {
  commands: number;
  bytes: number;
}

/** See the head of this file. Each source, this validator or a peer, has a share of its own. */
export class Mempool {
  readonly #waiting = new Map<string, { readonly command: Command; readonly source: string }>();
  readonly #shares = new Map<string, Share>();
  /** Identities of the commands of the last heights. */
  readonly #decided = new Set<string>();
  readonly #byHeight = new Map<number, readonly string[]>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Whether a command may be decided at a height: the same on all validators. */
  isDue({ id, lastHeight }: Command, height: number): boolean {
    const isInTime = height <= lastHeight && lastHeight < height + COMMAND_HEIGHTS_MAX;
    return isInTime && !this.#decided.has(id);
  }

  /** False if the source has as many commands waiting as it may. */
  add(command: Command, source: string): boolean {
    if (this.#waiting.has(command.id) || this.#decided.has(command.id)) return true;
    const share = this.#shares.get(source) ?? { commands: 0, bytes: 0 };
    const bytes = share.bytes + command.bytes.length;
    if (share.commands >= WAITING_COMMANDS_MAX || bytes > WAITING_BYTES_MAX) return false;
    this.#shares.set(source, { commands: share.commands + 1, bytes });
    this.#waiting.set(command.id, { command, source });
    return true;
  }

  /** Commands for a value that has `taken` already, the oldest first. */
  batch(
    height: number,
    isValid: (command: Command) => boolean,
    taken = 0,
    bytesMax = BATCH_BYTES_MAX,
  ): Command[] {
    const batch: Command[] = [];
    let bytes = 0;
    for (const { command } of this.#waiting.values()) {
      if (taken + batch.length >= BATCH_COMMANDS_MAX) break;
      if (bytes + command.bytes.length + COMMAND_OVERHEAD_BYTES > bytesMax) break;
      if (!this.isDue(command, height)) continue;
      if (!isValid(command)) {
        this.drop(command.id);
        continue;
      }
      batch.push(command);
      bytes += command.bytes.length + COMMAND_OVERHEAD_BYTES;
    }
    return batch;
  }

  /** Commands of one source that wait, the oldest first. */
  of(source: string): Command[] {
    const found = [...this.#waiting.values()].filter((each) => each.source === source);
    return found.map(({ command }) => command);
  }

  drop(id: string): void {
    const found = this.#waiting.get(id);
    if (found === undefined) return;
    this.#waiting.delete(id);
    const share = this.#shares.get(found.source) as Share;
    share.commands -= 1;
    share.bytes -= found.command.bytes.length;
  }

  /** Identities of the commands that the last heights decided, by height, those without left out. */
  get recent(): readonly (readonly [height: number, ids: readonly string[]])[] {
    return [...this.#byHeight].filter(([, ids]) => ids.length > 0);
  }

  /** Goes on behind a height that was passed over, with what was decided of late up to it. */
  restore(height: number, recent: readonly (readonly [height: number, ids: readonly string[]])[]) {
    this.#decided.clear();
    this.#byHeight.clear();
    for (const [each, ids] of recent) {
      this.#byHeight.set(each, ids);
      for (const id of ids) {
        this.#decided.add(id);
        this.drop(id);
      }
    }
    for (const { command } of this.#waiting.values()) {
      if (command.lastHeight <= height) this.drop(command.id);
    }
  }

  /** Notes what a height decided; returns the commands that can never be decided any more. */
  decided(height: number, commands: readonly Command[]): Command[] {
    const ids = commands.map(({ id }) => id);
    for (const id of ids) {
      this.#decided.add(id);
      this.drop(id);
    }
    this.#byHeight.set(height, ids);
    const old = height - COMMAND_HEIGHTS_MAX;
    for (const id of this.#byHeight.get(old) ?? []) this.#decided.delete(id);
    this.#byHeight.delete(old);
    const late = [...this.#waiting.values()].filter(({ command }) => command.lastHeight <= height);
    for (const { command } of late) this.drop(command.id);
    return late.map(({ command }) => command);
  }
}

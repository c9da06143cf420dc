import type { Message, NodeId } from '../../consensus/raft/index.js';
import type { GroupId } from '../../consensus/raft-groups/index.js';
import { messageOf } from '../errors.js';
import { SNAPSHOTS_SENDING_MAX } from './limits.js';
import { type GroupSnapshot, sendSnapshot } from './snapshots.js';

/** What sending snapshots needs of the node. */
export interface SnapshotPorts {
  /** The state of a group as of now; undefined if the group is not here. */
  capture(group: GroupId): Promise<GroupSnapshot & { release(): void }> | undefined;
  call(to: NodeId, payload: unknown): Promise<unknown>;
  /** Each snapshot that the core asks for ends in a report (D5 of `consensus/raft/SPEC.md`). */
  report(group: GroupId, to: NodeId, ok: boolean): void;
  log(line: string): void;
}

/** Sends snapshots to members that lag, few at a time: the core asks again for one that failed. */
export class SnapshotOutbox {
  readonly #ports: SnapshotPorts;
  readonly #sending = new Set<string>();

  constructor(ports: SnapshotPorts) {
    this.#ports = ports;
  }

  /** Sends the present state in place of the one that `message` names. Never rejects. */
  async send(group: GroupId, message: Message): Promise<void> {
    const { to } = message;
    const key = `${group}/${to}`;
    let ok = false;
    if (this.#sending.size < SNAPSHOTS_SENDING_MAX && !this.#sending.has(key)) {
      this.#sending.add(key);
      ok = await this.#transfer(group, message);
      this.#sending.delete(key);
    } else {
      // The report comes after the ready that asked.
      await Promise.resolve();
    }
    this.#ports.report(group, to, ok);
  }

  async #transfer(group: GroupId, message: Message): Promise<boolean> {
    const { to } = message;
    try {
      const captured = await this.#ports.capture(group);
      if (captured === undefined) return false;
      try {
        await sendSnapshot(group, message, captured, (chunk) => this.#ports.call(to, chunk));
        return true;
      } finally {
        captured.release();
      }
    } catch (error) {
      this.#ports.log(`the snapshot of group ${group} for node ${to}: ${messageOf(error)}`);
      return false;
    }
  }
}

/**
 * What a validator has on its disk: `signer` (what was signed last), `record` (the height under way),
 * `values` (bytes of what was voted for), `decisions` and `decisions-N`, `evidence`, `polkas-0` and
 * `polkas-1` (what justifies its votes), `checkpoint-N` and `snapshot-N`.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  type OwnMessage,
  type StoredRecord,
  type WireMessage,
  decodeRecord,
} from '../../consensus/bft/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { type DirectoryLock, type StorageDisk, lockDirectory, nodeDisk } from '../storage/index.js';
import { ValidatorError } from './error.js';
import { CheckpointStore } from './checkpoint-store.js';
import { DecisionLog } from './decision-log.js';
import { FramedLog } from './framed-log.js';
import { RECORD_SLOT_BYTES } from './limits.js';
import { PolkaStore } from './polkas.js';
import { readEnvelope } from './proven.js';
import { Signer } from './signer.js';
import { SlotFile } from './slot-file.js';

/** See the head of this file. */
export class ValidatorStore {
  private constructor(
    readonly lock: DirectoryLock,
    readonly signer: Signer,
    readonly record: SlotFile,
    /** The last record, null if there is none. */
    readonly restored: StoredRecord | null,
    readonly values: FramedLog,
    readonly decisions: DecisionLog,
    readonly evidence: FramedLog,
    readonly polkas: PolkaStore,
    readonly checkpoints: CheckpointStore,
  ) {}

  /** Throws `ValidatorError` and `StorageError`. One process at a time may use a directory. */
  static async open(
    directory: string,
    chain: Uint8Array,
    identity: Identity,
    disk: StorageDisk = nodeDisk,
  ): Promise<ValidatorStore> {
    const lock = lockDirectory(directory);
    const opened: { close(): Promise<void> }[] = [];
    const keep = <File extends { close(): Promise<void> }>(file: File): File => {
      opened.push(file);
      return file;
    };
    try {
      const log = async (name: string, magic: string): Promise<FramedLog> =>
        keep(await FramedLog.open({ path: join(directory, name), magic, chain }, disk));
      const signer = keep(await Signer.open(join(directory, 'signer'), chain, identity, disk));
      const options = {
        path: join(directory, 'record'),
        magic: 'AFBFTrc',
        version: 1,
        slotBytes: RECORD_SLOT_BYTES,
        chain: createHash('sha256').update(chain).update(identity.peerId).digest(),
        isWhole: false,
      };
      const { file, data } = await SlotFile.open(options, disk);
      keep(file);
      const restored = data === null ? null : decodeRecord(data);
      // The record comes before the signature: one without any may be of a stop between the two.
      const hasSigned = (restored?.signatures.size ?? 0) > 0;
      const mayHaveSigned = (restored?.record.sent.length ?? 0) > 0;
      if (signer.isNew && (hasSigned || (signer.isMade && mayHaveSigned))) {
        throw new ValidatorError(
          'no-signer-state',
          `${directory}: the file 'signer' is missing or empty, and this validator has signed; put ` +
            'back the file that was last in use, no older copy, or begin with another key',
        );
      }
      const values = await log('values', 'AFBFTva');
      const checkpoints = await CheckpointStore.open(directory, chain, disk);
      const checkpoint = checkpoints.last?.height ?? 0;
      const decisions = keep(await DecisionLog.open({ directory, chain, checkpoint }, disk));
      const evidence = await log('evidence', 'AFBFTev');
      const polkas = keep(await PolkaStore.open(directory, chain, disk));
      return new ValidatorStore(
        ...([lock, signer, file, restored, values] as const),
        ...([decisions, evidence, polkas, checkpoints] as const),
      );
    } catch (error) {
      for (const file of opened) await file.close();
      lock.release();
      throw error;
    }
  }

  /** The signatures of own messages that the record has. */
  get signatures(): ReadonlyMap<OwnMessage, Uint8Array> {
    return this.restored?.signatures ?? new Map();
  }

  /** The messages of a record of `decisions` or `evidence`. */
  static async messages(log: Pick<FramedLog, 'read'>, at: number): Promise<readonly WireMessage[]> {
    return readEnvelope(await log.read(at));
  }

  async close(): Promise<void> {
    const logs = [this.values, this.decisions, this.evidence, this.polkas];
    for (const file of [this.signer, this.record, ...logs]) await file.close();
    this.lock.release();
  }
}

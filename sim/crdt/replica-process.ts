/** A replica of the core on a simulated node, with its disk. */
import { Replica, type Effect, type Input, type Mutation } from '../../consensus/crdt/index.js';
import type { Setup } from '../define/definition.js';
import type { Context, DiskView, Process } from '../world/index.js';
import { boundedMicroseconds } from './bounded-clock.js';
import { bytesOfText, textOfBytes } from './byte-text.js';

/** What differs between runs. */
export type CrdtSettings = {
  readonly replicas: number;
  readonly recordsPerSnapshot: number;
  /** How far clocks may be apart before an update has to wait. */
  readonly driftMsMax: number;
  /** How wrong a time of day may be: something watches over the clocks. */
  readonly clockErrorMsMax: number;
};

/** What names an acknowledged update. */
export type UpdateName = { readonly replica: string; readonly sequence: number };

export type CrdtMessage =
  | { readonly kind: 'ask'; readonly id: string; readonly mutation: Mutation }
  | { readonly kind: 'done'; readonly id: string; readonly update: UpdateName | null }
  | { readonly kind: 'refused'; readonly id: string }
  /** Bytes of the core, as text of one character each. */
  | { readonly kind: 'core'; readonly bytes: string };

/** A record or a snapshot, in the order in which they were written. */
export type CrdtStored = { readonly number: number; readonly bytes: Uint8Array };

const TICK_MICROSECONDS = 400_000;
const SNAPSHOT = 'snapshot';
const RECORD = 'record ';

export class ReplicaProcess implements Process<CrdtMessage> {
  readonly replica: Replica;
  /** Grows with each thing that happens here. */
  changes = 0;
  readonly #context: Context<CrdtMessage, CrdtStored>;
  readonly #setup: Setup<CrdtSettings>;
  /** Writes of earlier lives: the core counts from 1 in each. */
  readonly #before: number;
  readonly #asked = new Map<number, { readonly from: string; readonly id: string }>();
  #token = 0;

  constructor(
    setup: Setup<CrdtSettings>,
    disk: DiskView<CrdtStored>,
    context: Context<CrdtMessage, CrdtStored>,
  ) {
    this.#setup = setup;
    this.#context = context;
    const snapshot = disk.get(SNAPSHOT);
    const first = snapshot?.number ?? 0;
    // A crash may have left records that the snapshot holds already.
    const records = disk
      .keys(RECORD)
      .map((key) => disk.get(key)!)
      .filter(({ number }) => number > first);
    this.#before = records.at(-1)?.number ?? first;
    const { recordsPerSnapshot, driftMsMax } = setup.settings;
    this.replica = new Replica(
      { id: context.name, members: setup.nodes, recordsPerSnapshot, driftMsMax },
      { snapshot: snapshot?.bytes ?? null, records: records.map(({ bytes }) => bytes) },
    );
    if (this.#before > 0) setup.reach('restarted');
    this.#context.setTimer(TICK_MICROSECONDS, 'tick');
  }

  onMessage(from: string, message: CrdtMessage): void {
    const nowMs = this.#nowMs();
    if (message.kind === 'core') {
      const bytes = bytesOfText(message.bytes);
      this.#step({ type: 'message', from, bytes, nowMs });
    } else if (message.kind === 'ask') {
      this.#token += 1;
      this.#asked.set(this.#token, { from, id: message.id });
      this.#step({ type: 'mutate', token: this.#token, mutation: message.mutation, nowMs });
    }
  }

  onTick(): void {
    this.#step({ type: 'tick' });
    this.#context.setTimer(TICK_MICROSECONDS, 'tick');
  }

  onDiskSynced(token: number): void {
    this.#step({ type: 'persisted', number: token - this.#before });
  }

  #step(input: Input): void {
    this.changes += 1;
    const { keptUpdates } = this.replica;
    for (const effect of this.replica.step(input)) this.#carryOut(effect);
    if (this.replica.keptUpdates < keptUpdates) this.#setup.reach('collected');
  }

  #carryOut(effect: Effect): void {
    const context = this.#context;
    switch (effect.type) {
      case 'append': {
        const number = this.#before + effect.number;
        context.write(recordKey(number), { number, bytes: effect.record });
        context.sync(number);
        break;
      }
      case 'replace': {
        const number = this.#before + effect.number;
        context.write(SNAPSHOT, { number, bytes: effect.snapshot });
        context.sync(number);
        this.#setup.reach('snapshot');
        break;
      }
      case 'send': {
        if (effect.bytes[1] === 2) this.#setup.reach('whole-state');
        const bytes = textOfBytes(effect.bytes);
        context.send(effect.to, { kind: 'core', bytes });
        break;
      }
      case 'done':
        this.#setup.count('acknowledged');
        this.#answer(effect.token, (id) => ({ kind: 'done', id, update: effect.dot }));
        break;
      case 'refused':
        if (effect.error.code === 'clock-drift') this.#setup.reach('own-clock-refused');
        this.#answer(effect.token, (id) => ({ kind: 'refused', id }));
        break;
      case 'rejected':
        if (effect.error.code !== 'clock-drift') throw effect.error;
        this.#setup.reach('clock-refused');
        break;
    }
  }

  #answer(token: number, answer: (id: string) => CrdtMessage): void {
    const asked = this.#asked.get(token);
    this.#asked.delete(token);
    if (asked !== undefined) this.#context.send(asked.from, answer(asked.id));
  }

  #nowMs(): number {
    const now = boundedMicroseconds(this.#context, this.#setup.settings.clockErrorMsMax);
    return Math.max(0, Math.floor(now / 1_000));
  }
}

/** So that keys are in the order of their numbers. */
function recordKey(number: number): string {
  return `${RECORD}${String(number).padStart(12, '0')}`;
}

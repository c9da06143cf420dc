/** A member that holds an available namespace: the classes of nodes, with a simulated file and network. */
import { STATE_BYTES_MAX } from '../../consensus/crdt/index.js';
import { Exchange } from '../../nodes/available/exchange.js';
import { NamespaceCore } from '../../nodes/available/namespace-core.js';
import type { Settle } from '../../nodes/available/namespace-core.js';
import { readRecords } from '../../nodes/available/namespace-records.js';
import type { CallEnd, NamespaceMessage } from '../../nodes/available/outbox.js';
import type { Piece } from '../../nodes/available/pieces.js';
import { NodeError } from '../../nodes/errors.js';
import { boundedMicroseconds } from '../crdt/bounded-clock.js';
import { bytesOfText, textOfBytes } from '../crdt/byte-text.js';
import type { Setup } from '../define/definition.js';
import type { Context, DiskFailure, DiskView, Process } from '../world/index.js';
import { Ledger } from './ledger.js';
import { SimulatedLog } from './simulated-log.js';
import type { AvailableStored } from './simulated-log.js';

/** What differs between runs. */
export type AvailableSettings = {
  readonly members: number;
  /** Frames of a file, after which it is written anew. */
  readonly framesMax: number;
  /** Larger messages go in pieces. */
  readonly pieceBytes: number;
  /** When the last member is taken in; until then the others do not know it. 0: from the start. */
  readonly joinsAtMicroseconds: number;
  /** How wrong a time of day may be: something watches over the clocks. */
  readonly clockErrorMsMax: number;
};

/** Bytes as text of one character each. */
type Packed<T extends { readonly bytes: Uint8Array }> = Omit<T, 'bytes'> & {
  readonly bytes: string;
};
type Payload =
  { readonly messages: readonly Packed<NamespaceMessage>[] } | { readonly piece: Packed<Piece> };

export type AvailableMessage =
  /** Of a client; without a content it is a delete. */
  | {
      readonly kind: 'ask';
      readonly id: string;
      readonly key: string;
      readonly content: string | null;
      /** Null: it stays. */
      readonly expiresInMs: number | null;
    }
  | { readonly kind: 'done'; readonly id: string }
  | { readonly kind: 'refused'; readonly id: string }
  /** Of a member. */
  | { readonly kind: 'call'; readonly number: number; readonly payload: Payload }
  | { readonly kind: 'answer'; readonly number: number; readonly how: CallEnd };

type Ask = Extract<AvailableMessage, { readonly kind: 'ask' }>;

const TICK_MICROSECONDS = 400_000;
/** The time of day when a run begins: later than any clock is behind. */
const BEGIN_MS = 3_600_000;
const CALL_TIMEOUT_MICROSECONDS = 2_000_000;
const NAMESPACE = 'n';

/** One for each run. */
const ledgers = new WeakMap<object, Ledger>();

interface Call {
  readonly deadlineMicroseconds: number;
  end(how: CallEnd): void;
}

export class AvailableProcess implements Process<AvailableMessage> {
  readonly ledger: Ledger;
  readonly #context: Context<AvailableMessage, AvailableStored>;
  readonly #setup: Setup<AvailableSettings>;
  readonly #disk: DiskView<AvailableStored>;
  readonly #exchange: Exchange;
  readonly #calls = new Map<number, Call>();
  #soon: (() => void)[] = [];
  #number = 0;
  #token = 0;
  #core!: NamespaceCore;
  #log!: SimulatedLog;

  constructor(
    setup: Setup<AvailableSettings>,
    disk: DiskView<AvailableStored>,
    context: Context<AvailableMessage, AvailableStored>,
  ) {
    this.#setup = setup;
    this.#disk = disk;
    this.#context = context;
    this.ledger = ledgers.get(setup) ?? new Ledger();
    ledgers.set(setup, this.ledger);
    this.#exchange = new Exchange({
      pieceBytes: setup.settings.pieceBytes,
      call: (to, _method, payload, end) => this.#call(to, payload as never, end),
      monotonicMs: () => context.clockMicroseconds / 1_000,
      soon: (work) => {
        this.#soon.push(work);
        context.setTimer(1, 'soon');
      },
    });
    this.#open(undefined);
    context.setTimer(TICK_MICROSECONDS, 'tick');
  }

  /** How many memories are there that have expired, or will by the clock of another member. */
  get left(): number {
    return this.#core.ids.length - this.#core.memories;
  }

  textsOf(key: string): string[] {
    return this.#core.values(key).map(({ content }) => content);
  }

  get state(): string {
    const cut = this.#core.cut(STATE_BYTES_MAX);
    while (!cut.isDone) cut.advance(1_000);
    return cut.pieces.map(textOfBytes).join('');
  }

  onMessage(from: string, message: AvailableMessage): void {
    // It is no member yet, and has not started.
    if (!this.#isMember(this.#context.name)) return;
    if (message.kind === 'ask') this.#ask(from, message);
    else if (message.kind === 'call') this.#answer(from, message.number, message.payload);
    else if (message.kind === 'answer') this.#end(message.number, message.how);
  }

  onTick(tag: string): void {
    if (tag === 'soon') {
      for (const work of this.#soon.splice(0)) work();
      return;
    }
    this.#context.setTimer(TICK_MICROSECONDS, 'tick');
    if (!this.#isMember(this.#context.name)) return;
    const now = this.#context.clockMicroseconds;
    for (const [number, { deadlineMicroseconds }] of this.#calls) {
      if (deadlineMicroseconds <= now) this.#end(number, 'failed');
    }
    const { nodes } = this.#setup;
    const others = nodes.filter((name) => name !== this.#context.name && this.#isMember(name));
    const unusable = this.#exchange.compare(others.map(idOf), [this.#core]);
    if (unusable.length > 0) this.#open(this.#core);
  }

  onDiskSynced(token: number): void {
    if (this.#log.synced(token)) this.#setup.reach('file');
  }

  onDiskFailed(_reason: DiskFailure, token: number): void {
    this.#log.syncFailed(token);
  }

  /** As `Namespace.open` of a node. */
  #open(before: NamespaceCore | undefined): void {
    const { settings, reach } = this.#setup;
    const { outbox } = this.#exchange;
    const read = readRecords(SimulatedLog.read(this.#disk));
    if (before !== undefined) reach('opened-again');
    else if (read.replica !== undefined) reach('restarted');
    const log = new SimulatedLog(
      this.#disk,
      this.#context,
      {
        records: () => this.#core.records,
        persisted: (number) => core.persisted(number),
        failed: () => core.failed(new Error('the disk failed')),
        nextToken: () => (this.#token += 1),
      },
      { framesMax: settings.framesMax, anew: before !== undefined },
    );
    const early: Parameters<SimulatedLog['append']>[] = [];
    let isMade = false;
    const core: NamespaceCore = new NamespaceCore(
      {
        name: NAMESPACE,
        nodeId: idOf(this.#context.name),
        freshReplica: `${this.#context.name}.${Math.floor(this.#context.random() * 2 ** 40)}`,
        read,
        rename: before?.mustRename === true,
        isUnsure: before?.isUsable === false,
        pieceBytes: settings.pieceBytes,
      },
      {
        nowMs: () => this.#nowMs(),
        write: (...write) => void (isMade ? log.append(...write) : early.push(write)),
        send: (to, bytes) => outbox.send(to, { namespace: NAMESPACE, bytes }),
        sendState: (to, cut) => {
          reach('whole-state');
          outbox.sendState(to, NAMESPACE, cut);
        },
        changed: () => undefined,
        log: (message) => this.#noted(message),
      },
    );
    isMade = true;
    [this.#core, this.#log] = [core, log];
    for (const write of early) log.append(...write);
  }

  #ask(client: string, { id, key, content: asked, expiresInMs }: Ask): void {
    if (!this.#core.isUsable) this.#open(this.#core);
    const [context, ledger] = [this.#context, this.ledger];
    const seen = this.textsOf(key);
    // The network may double what a client asks: each is a write by itself.
    const content = asked === null ? null : `${asked}.${this.ledger.size}`;
    if (seen.length > 1) this.#setup.reach('conflict');
    const write = ledger.taken({
      key,
      content,
      seen,
      member: context.name,
      expires: expiresInMs !== null,
    });
    const settle: Settle = {
      resolve: () => {
        write.isAcknowledged = true;
        this.#setup.count('acknowledged');
        context.send(client, { kind: 'done', id });
      },
      // Whether it will have an effect is not known, unless it was refused.
      reject: (error) => {
        if (!(error instanceof NodeError)) return;
        ledger.refused(write);
        context.send(client, { kind: 'refused', id });
      },
    };
    if (content === null) this.#core.delete(key, settle);
    else {
      const atMs = this.#nowMs();
      const expiry = expiresInMs === null ? {} : { expiresAtMs: atMs + expiresInMs };
      const value = { content, metadata: {}, by: client, atMs, ...expiry, vector: null };
      this.#core.put(key, value, settle);
    }
  }

  #call(
    to: number,
    payload: Piece | { readonly messages: readonly NamespaceMessage[] },
    end: (how: CallEnd) => void,
  ): void {
    this.#number += 1;
    const deadlineMicroseconds = this.#context.clockMicroseconds + CALL_TIMEOUT_MICROSECONDS;
    this.#calls.set(this.#number, { deadlineMicroseconds, end });
    const packed =
      'messages' in payload ? { messages: payload.messages.map(pack) } : { piece: pack(payload) };
    this.#context.send(nameOf(to), { kind: 'call', number: this.#number, payload: packed });
  }

  #answer(from: string, number: number, payload: Payload): void {
    let how: CallEnd = 'answered';
    try {
      if ('messages' in payload) {
        for (const { bytes } of payload.messages) this.#receive(from, bytesOfText(bytes));
      } else {
        this.#setup.reach('pieces');
        const piece = { ...payload.piece, bytes: bytesOfText(payload.piece.bytes) };
        const whole = this.#exchange.take(idOf(from), piece);
        if (whole !== undefined) this.#receive(from, whole);
      }
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      how = 'failed';
    }
    this.#context.send(from, { kind: 'answer', number, how });
  }

  #receive(from: string, bytes: Uint8Array): void {
    if (!this.#core.isUsable) this.#open(this.#core);
    this.#core.receive(idOf(from), bytes);
  }

  #end(number: number, how: CallEnd): void {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    call?.end(how);
  }

  /** Of what others send only what is ahead of the clock here is refused, for a while. */
  #noted(message: string): void {
    if (!/ms ahead of the clock/.test(message)) throw new Error(message);
    this.#setup.reach('clock-refused');
  }

  #isMember(name: string): boolean {
    const { nodes, settings } = this.#setup;
    const isLast = name === nodes.at(-1);
    return !isLast || this.#context.nowMicroseconds >= settings.joinsAtMicroseconds;
  }

  #nowMs(): number {
    const now = boundedMicroseconds(this.#context, this.#setup.settings.clockErrorMsMax);
    return BEGIN_MS + Math.floor(now / 1_000);
  }
}

function pack<T extends { readonly bytes: Uint8Array }>(message: T): Packed<T> {
  return { ...message, bytes: textOfBytes(message.bytes) };
}

export function nameOf(nodeId: number): string {
  return `member-${nodeId}`;
}

function idOf(name: string): number {
  return Number(name.slice('member-'.length));
}

import { strict as assert } from 'node:assert';
import type { Connection, ConnectionHandler } from '../connection.js';
import type { Authenticate, ConnectOptions, Engine, EngineOptions } from '../engine.js';
import { QuicError, type QuicErrorCode } from '../quic-error.js';
import type { Stream, StreamHandler } from '../stream.js';
import type { ComplianceContext } from './case.js';
import { StreamRecorder } from './recorder.js';

export const ACCEPT: Authenticate = () => ({ isAccepted: true });
/** Longest wait of a `connect` that must work. */
const CONNECT_MS = 10_000;

/** One end of a connection, with what it was told. */
export class Side implements ConnectionHandler {
  /** Of streams that the other end opened, in the order in which they came. */
  readonly streams: StreamRecorder[] = [];
  readonly datagrams: Buffer[] = [];
  availableCount = 0;
  pathChangedCount = 0;
  connection!: Connection;

  readonly #context: ComplianceContext;
  readonly #on: SideOptions;

  constructor(context: ComplianceContext, on: SideOptions = {}) {
    this.#context = context;
    this.#on = on;
  }

  onStream(stream: Stream): StreamHandler {
    const recorder = new StreamRecorder(this.#context, this.#on.onStream?.(stream) ?? {});
    recorder.stream = stream;
    this.streams.push(recorder);
    return recorder;
  }

  onStreamsAvailable(): void {
    this.availableCount += 1;
    this.#on.onStreamsAvailable?.();
  }

  onDatagram(bytes: Uint8Array): void {
    this.datagrams.push(Buffer.from(bytes));
    this.#on.onDatagram?.(bytes);
  }

  onPathChanged(): void {
    this.pathChangedCount += 1;
  }

  /** Opens a stream, or fails. */
  bidirectional(also?: Partial<StreamHandler>): StreamRecorder {
    return this.#open('openBidirectional', also);
  }

  unidirectional(also?: Partial<StreamHandler>): StreamRecorder {
    return this.#open('openUnidirectional', also);
  }

  #open(
    open: 'openBidirectional' | 'openUnidirectional',
    also?: Partial<StreamHandler>,
  ): StreamRecorder {
    const recorder = new StreamRecorder(this.#context, also);
    const stream = this.connection[open](recorder);
    assert(stream !== undefined, 'a stream can be opened below the limit');
    recorder.stream = stream;
    return recorder;
  }
}

/** What a side does when it is told something, beside noting it. */
export interface SideOptions {
  readonly onStream?: (stream: Stream) => Partial<StreamHandler> | undefined;
  readonly onStreamsAvailable?: () => void;
  readonly onDatagram?: (bytes: Uint8Array) => void;
}

export interface Pair {
  readonly client: Side;
  readonly server: Side;
  readonly clientEngine: Engine;
  readonly serverEngine: Engine;
}

export interface PairOptions {
  readonly client?: Partial<EngineOptions>;
  readonly server?: Partial<EngineOptions>;
  readonly connect?: Partial<ConnectOptions>;
  readonly onClient?: SideOptions;
  readonly onServer?: SideOptions;
}

/** Two engines and a connection between them that both sides know of. */
export async function connectPair(
  context: ComplianceContext,
  options: PairOptions = {},
): Promise<Pair> {
  const accepted: Side[] = [];
  const serverEngine = await context.open({
    onConnection: (connection) => {
      accepted.push(sideOf(context, connection, options.onServer));
    },
    ...options.server,
  });
  const clientEngine = await context.open(options.client);
  const client = await dial(context, clientEngine, serverEngine, options.connect, options.onClient);
  await context.until(() => accepted.length === 1, 'the dialled side has a connection');
  return { client, server: accepted[0]!, clientEngine, serverEngine };
}

/** Connects, or fails. */
export async function dial(
  context: ComplianceContext,
  from: Engine,
  to: { readonly host: string; readonly port: number },
  options: Partial<ConnectOptions> = {},
  on?: SideOptions,
): Promise<Side> {
  let side: Side | undefined;
  const connection = await from.connect({
    host: to.host,
    port: to.port,
    timeoutMs: CONNECT_MS,
    authenticate: ACCEPT,
    ...options,
    onOpen: (opened) => {
      assert.equal(side, undefined, 'onOpen is called once');
      side = sideOf(context, opened, on);
      options.onOpen?.(opened);
    },
  });
  assert(side !== undefined, 'onOpen is called before connect resolves');
  assert.equal(side.connection, connection, 'connect resolves with the connection of onOpen');
  return side;
}

/** Takes a connection over; to be called in `onConnection` or `onOpen`. */
export function sideOf(context: ComplianceContext, connection: Connection, on?: SideOptions): Side {
  const side = new Side(context, on);
  side.connection = connection;
  connection.setHandler(side);
  return side;
}

/** Sends everything back, and ends when the peer ends. */
export function echo(stream: Stream): Partial<StreamHandler> {
  return { onData: (bytes, isFinal) => void stream.write(new Uint8Array(bytes), isFinal) };
}

/** What a promise rejects with; fails when it does not, or not with a `QuicError` of this code. */
export async function rejectsWith(
  code: QuicErrorCode | readonly QuicErrorCode[],
  promise: Promise<unknown>,
): Promise<QuicError> {
  const codes = typeof code === 'string' ? [code] : code;
  const error = await promise.then(
    () => assert.fail(`expected a rejection with ${codes.join(' or ')}`),
    (reason: unknown) => reason,
  );
  assert(error instanceof QuicError, `expected a QuicError, got ${String(error)}`);
  assert(
    codes.includes(error.code),
    `expected code ${codes.join(' or ')}, got ${error.code}: ${error.message}`,
  );
  return error;
}

/** Bytes that differ from place to place, the same for the same seed. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let index = 0; index < length; index += 1) {
    // xorshift32: no two stretches of a stream look alike.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state & 0xff;
  }
  return bytes;
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** Fails when two sequences of bytes differ, without printing them. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  assert(at < 0, `${what}: differs at byte ${at}`);
}

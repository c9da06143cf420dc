/** What the processes of the transport bench agree on. */

export const host = '127.0.0.1';
/** Windows of a stream and of a connection, on all transports the same where they can be set. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 10 * 1024 * 1024;
export const PAYLOAD_BYTES = 64;
const CHUNK_BYTES = 64 * 1024;
export const TIMEOUT_MS = 30_000;

/** Where a server listens; what a transport has no use for is 0 or empty. */
export interface ServerAddress {
  readonly port: number;
  /** Counts the bytes that come and answers with their number. */
  readonly bulkPort: number;
  readonly peerId: string;
  readonly certificatePem: string;
  /** In the form of libp2p. */
  readonly multiaddr: string;
}

export const NO_ADDRESS: ServerAddress = {
  port: 0,
  bulkPort: 0,
  peerId: '',
  certificatePem: '',
  multiaddr: '',
};

/** One transport, connected to its server. */
export interface Client {
  /** Sends a payload and gets it back. */
  echo(payload: Uint8Array): Promise<Uint8Array>;
  /**
   * Sends on a new stream (of a new connection where a connection has but one) until `untilMs` by
   * `performance.now`. Resolves with the number of bytes that the server says it got.
   */
  bulk?(untilMs: number): Promise<number>;
  /** Bulk on more streams at once fails, so that it is not measured. Any number when left out. */
  readonly bulkStreamsMax?: number;
  /** Opens one more connection with proof of both identities, and closes it. */
  handshake?(): Promise<void>;
  /** Gathers what so many calls of `resume` need; its time is not measured. */
  prepareResume?(count: number): Promise<void>;
  /**
   * Opens one more connection that resumes an earlier one, and has a payload answered on it: in
   * early data where the transport offers it. Resolves with what the server made of it.
   */
  resume?(payload: Uint8Array): Promise<Resumption>;
  close(): Promise<void>;
}

/**
 * `early`: the server answered before the handshake was over; `resumed`: after a shorter handshake;
 * `full`: after one that resumed nothing.
 */
export type Resumption = 'early' | 'resumed' | 'full';

/** A transport that is compared. Both sides run in processes of their own. */
export interface Transport {
  serve(): Promise<ServerAddress>;
  connect(address: ServerAddress): Promise<Client>;
}

export type StepName =
  | 'calls-alone'
  | 'calls-64-in-flight'
  | 'bulk-1-stream'
  | 'bulk-8-streams'
  | 'handshakes-cold'
  | 'handshakes-resumed';

/** One thing that a client process measures. */
export interface Step {
  readonly name: StepName;
  /** Roughly how long; steps that resume take as many connections as sessions were prepared. */
  readonly durationMs: number;
}

/** What a step measured. `count`: calls, connections or bytes. */
export interface StepResult {
  readonly count: number;
  readonly seconds: number;
  /** Of each call. Microseconds; empty when the step makes none. */
  readonly latenciesMicroseconds: { readonly p50: number; readonly p99: number } | undefined;
  /** Processor time of the client process, user and system. */
  readonly cpuMicroseconds: number;
  /** Of resumed connections those whose data the server took as early. 0 to 1. */
  readonly earlyShare?: number;
}

/**
 * Writes chunks until the time is up or `write` refuses more (it has taken that chunk, though).
 * True when the last one, marked as final, was written.
 */
export function fillUntil(
  untilMs: number,
  write: (chunk: Uint8Array, isFinal: boolean) => boolean,
): boolean {
  for (;;) {
    const isFinal = performance.now() >= untilMs;
    const isTaken = write(chunk, isFinal);
    if (isFinal) return true;
    if (!isTaken) return false;
  }
}

const chunk = Buffer.alloc(CHUNK_BYTES, 7);

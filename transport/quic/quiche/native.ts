import { createRequire } from 'node:module';
import { QuicError } from '../quic-error.js';

/**
 * The part of the native `quiche` object (quiche 0.18 through `@matrixai/quic-<platform>`) that the
 * loop uses. Methods throw `Error` whose message is the name of quiche's error; `null` stands for
 * `Done`.
 */
export interface NativeHost {
  readonly host: string;
  readonly port: number;
}

export interface NativeConfig {
  setApplicationProtos(names: string[]): void;
  setMaxIdleTimeout(ms: number): void;
  setMaxRecvUdpPayloadSize(bytes: number): void;
  setMaxSendUdpPayloadSize(bytes: number): void;
  setInitialMaxData(bytes: number): void;
  setInitialMaxStreamDataBidiLocal(bytes: number): void;
  setInitialMaxStreamDataBidiRemote(bytes: number): void;
  setInitialMaxStreamDataUni(bytes: number): void;
  setInitialMaxStreamsBidi(count: number): void;
  setInitialMaxStreamsUni(count: number): void;
  setMaxConnectionWindow(bytes: number): void;
  setMaxStreamWindow(bytes: number): void;
  setDisableActiveMigration(isDisabled: boolean): void;
  setCcAlgorithmName(name: string): void;
  setActiveConnectionIdLimit(count: number): void;
  setStatelessResetToken(token: bigint | null): void;
  setTicketKey(key: Uint8Array): void;
  enableEarlyData(): void;
  logKeys(): void;
  enablePacing(isEnabled: boolean): void;
  enableDgram(isEnabled: boolean, receiveQueueLength: number, sendQueueLength: number): void;
  grease(isEnabled: boolean): void;
}

export interface NativeConnectionError {
  readonly isApp: boolean;
  readonly errorCode: number;
  readonly reason: Uint8Array;
}

/** Something that happened to a path; a path is a local and a remote address. */
export type NativePathEvent =
  | {
      readonly type: 'New' | 'Validated' | 'FailedValidation' | 'Closed';
      readonly local: NativeHost;
      readonly peer: NativeHost;
    }
  | { readonly type: 'ReusedSourceConnectionId' }
  | { readonly type: 'PeerMigrated'; readonly old: NativeHost; readonly new: NativeHost };

export interface NativePathStats {
  readonly active: boolean;
  readonly localHost: NativeHost;
  readonly peerHost: NativeHost;
  readonly recv: number;
  readonly sent: number;
  readonly lost: number;
  /** Milliseconds. */
  readonly rtt: number;
  readonly cwnd: number;
  readonly sentBytes: number;
  readonly recvBytes: number;
  readonly lostBytes: number;
}

export interface NativeConnection {
  recv(packet: Uint8Array, info: { readonly from: NativeHost; readonly to: NativeHost }): number;
  send(
    packet: Uint8Array,
  ): [bytes: number, info: { readonly from: NativeHost; readonly to: NativeHost }] | null;
  streamRecv(id: number, bytes: Uint8Array): [bytes: number, isFinal: boolean] | null;
  streamSend(id: number, bytes: Uint8Array, isFinal: boolean): number | null;
  streamShutdown(id: number, direction: number, code: number): unknown;
  streamCapacity(id: number): number;
  streamPriority(id: number, urgency: number, isIncremental: boolean): void;
  streamReadable(id: number): boolean;
  peerStreamsLeftBidi(): number;
  peerStreamsLeftUni(): number;
  readable(): Iterable<number>;
  isReadable(): boolean;
  timeout(): number | null;
  close(isApp: boolean, code: number, reason: Uint8Array): unknown;
  peerCertChain(): Uint8Array[] | null;
  isEstablished(): boolean;
  isDraining(): boolean;
  isClosed(): boolean;
  isTimedOut(): boolean;
  peerError(): NativeConnectionError | null;
  localError(): NativeConnectionError | null;
  sendAckEliciting(): void;
  stats(): {
    readonly peerMaxIdleTimeout: number;
    readonly peerDisableActiveMigration: boolean;
    /** Packets of all spaces and paths. */
    readonly sent: number;
    readonly recv: number;
    readonly lost: number;
  };
  destinationId(): Uint8Array;
  sourceId(): Uint8Array;
  pathStats(): NativePathStats[];
  applicationProto(): Uint8Array;
  maxSendUdpPayloadSize(): number;
  isResumed(): boolean;
  isInEarlyData(): boolean;
  session(): Uint8Array | null;
  setSession(session: Uint8Array): void;
  setKeylog(path: string): void;
  sourceCidsLeft(): number;
  newSourceCid(connectionId: Uint8Array, resetToken: bigint, retireIfNeeded: boolean): number;
  probePath(local: NativeHost, remote: NativeHost): number;
  activeSourceCids(): number;
  availableDcids(): number;
  onTimeout(): void;
  dgramSend(bytes: Uint8Array): unknown;
  dgramRecvVec(): Uint8Array | null;
  dgramMaxWritableLen(): number | null;
  pathEventNext(): NativePathEvent | null;
  retiredScidNext(): Uint8Array | null;
}

export interface Native {
  /** Writes a Retry packet (RFC 9000 17.2.5) to `packet` and returns its length. */
  retry(
    source: Uint8Array,
    destination: Uint8Array,
    newSource: Uint8Array,
    token: Uint8Array,
    version: number,
    packet: Uint8Array,
  ): number;
  readonly Config: {
    withBoringSslCtx(
      verifyPeer: boolean,
      verifyAllowFail: boolean,
      authorities: undefined,
      keys: Uint8Array[],
      certificates: Uint8Array[],
      signatureAlgorithms: string | undefined,
    ): NativeConfig;
  };
  readonly Connection: {
    connect(
      serverName: string | undefined,
      connectionId: Uint8Array,
      local: NativeHost,
      remote: NativeHost,
      config: NativeConfig,
    ): NativeConnection;
    accept(
      connectionId: Uint8Array,
      originalConnectionId: Uint8Array | undefined,
      local: NativeHost,
      remote: NativeHost,
      config: NativeConfig,
    ): NativeConnection;
  };
}

/** Arguments of `streamShutdown`. */
export const SHUTDOWN_READ = 0;
export const SHUTDOWN_WRITE = 1;

/** Platforms for which the engine is published, by `process.platform`-`process.arch`. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@matrixai/quic-linux-x64',
  'darwin-x64': '@matrixai/quic-darwin-x64',
  'darwin-arm64': '@matrixai/quic-darwin-arm64',
  'win32-x64': '@matrixai/quic-win32-x64',
};

let loaded: Native | undefined;

/** Loads the engine of this platform. Throws `QuicError` with code `unsupported-platform`. */
export function loadNative(platform = `${process.platform}-${process.arch}`): Native {
  if (loaded !== undefined && PACKAGES[platform] !== undefined) return loaded;
  const name = PACKAGES[platform];
  if (name === undefined) {
    throw new QuicError(
      'unsupported-platform',
      `there is no QUIC engine for ${platform}; supported are ${Object.keys(PACKAGES).join(', ')}`,
    );
  }
  try {
    loaded = createRequire(import.meta.url)(name) as Native;
  } catch (cause) {
    throw new QuicError(
      'unsupported-platform',
      `the QUIC engine ${name} cannot be loaded; install it with 'npm install ${name}' (optional dependencies must not be omitted)`,
      { cause },
    );
  }
  return loaded;
}

import { fork, type ChildProcess } from 'node:child_process';
import { createIdentity } from '../../../../transport/identity/index.js';
import {
  openQuicheEngine,
  type ConnectionCloseInfo,
  type ConnectionStats,
  type StreamHandler,
} from '../../../../transport/quic/index.js';
import type { Guards } from '../../../../transport/quic/quiche/guard.js';
import { WITHIN, until } from '../../../waiting.js';

export interface VictimOptions {
  readonly guards?: Partial<Guards>;
  readonly congestionControl?: 'bbr' | 'cubic' | 'reno';
  /** Answers without end. */
  readonly isPouring?: boolean;
  /** Has an RPC endpoint beside it. */
  readonly hasRpc?: boolean;
  /** Dials this port instead of waiting for others. */
  readonly dial?: number;
}

export interface VictimReport {
  readonly port?: number;
  readonly rpcPort?: number;
  readonly rpcPeerId?: string;
  readonly beat?: number;
  readonly residentBytes?: number;
  readonly stats?: ConnectionStats;
  readonly closed?: ConnectionCloseInfo;
  readonly refused?: string;
}

/** An engine in a process of its own, under attack, and what it says of itself. */
export class Victim {
  port = 0;
  rpcPort = 0;
  rpcPeerId = '';
  residentBytes = 0;
  stats: ConnectionStats | undefined;
  readonly closed: ConnectionCloseInfo[] = [];
  readonly refused: string[] = [];
  exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #heardAt = performance.now();
  readonly #process: ChildProcess;

  private constructor(options: VictimOptions) {
    const path = new URL('victim-main.js', import.meta.url).pathname;
    this.#process = fork(path, [JSON.stringify(options)], { stdio: 'inherit' });
    this.#process.on('message', (message) => this.#onReport(message as VictimReport));
    this.#process.on('exit', (code, signal) => (this.exit = { code, signal }));
  }

  static async start(options: VictimOptions = {}): Promise<Victim> {
    const victim = new Victim(options);
    const isOver = (): boolean => victim.residentBytes > 0 || victim.exit !== undefined;
    try {
      await until('the victim has started', isOver);
    } catch (error) {
      victim.kill();
      throw error;
    }
    if (victim.residentBytes > 0) return victim;
    const { code, signal } = victim.exit ?? {};
    throw new Error(`the victim did not start: it ended with ${code ?? signal}`);
  }

  /** How long its event loop has stood still. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #onReport(report: VictimReport): void {
    this.#heardAt = performance.now();
    this.port = report.port ?? this.port;
    this.rpcPort = report.rpcPort ?? this.rpcPort;
    this.rpcPeerId = report.rpcPeerId ?? this.rpcPeerId;
    this.residentBytes = report.residentBytes ?? this.residentBytes;
    this.stats = report.stats ?? this.stats;
    if (report.closed !== undefined) this.closed.push(report.closed);
    if (report.refused !== undefined) this.refused.push(report.refused);
  }
}

const nothing = (): void => undefined;

/** What a well-behaved client gets back for `bytes` from an engine that answers with the same. */
export async function askPolitely(port: number, bytes: Buffer): Promise<Buffer> {
  const { privateKeyPem, certificatePem } = createIdentity();
  const engine = await openQuicheEngine({
    host: '127.0.0.1',
    port: 0,
    protocols: ['test'],
    privateKeyPem,
    certificatePem,
    authenticate: () => ({ isAccepted: true }),
    onConnection: nothing,
  });
  const ignore: StreamHandler = {
    onData: nothing,
    onReset: nothing,
    onStopped: nothing,
    onDrained: nothing,
    onConnectionClosed: nothing,
  };
  try {
    const connection = await engine.connect({
      host: '127.0.0.1',
      port,
      ...WITHIN,
      authenticate: () => ({ isAccepted: true }),
      onOpen: (opened) =>
        opened.setHandler({ onStream: () => ignore, onStreamsAvailable: nothing }),
    });
    return await new Promise<Buffer>((resolve, reject) => {
      const parts: Buffer[] = [];
      const stream = connection.openBidirectional({
        ...ignore,
        onData: (part, isFinal) => {
          parts.push(Buffer.from(part));
          if (isFinal) resolve(Buffer.concat(parts));
        },
        onConnectionClosed: () => reject(new Error('the connection was closed')),
      });
      stream?.write(bytes, true);
    });
  } finally {
    await engine.close(0, '');
  }
}

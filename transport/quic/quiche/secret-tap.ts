import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  unlinkSync,
} from 'node:fs';
import { KEY_LOGS_MAX } from './guard-limits.js';

/** Secrets of the first generation of 1-RTT keys (RFC 8446 7.1). */
export interface TrafficSecrets {
  readonly client: Buffer;
  readonly server: Buffer;
}

/** What the binding offers for debugging: a key log in the format of NSS. */
export interface KeyLogging {
  setKeylog(path: string): void;
}

const LOG_BYTES_MAX = 4_096;

/** Nobody can guess the names, which exist for microseconds. */
const PREFIX = `/dev/shm/agentic-flow-${randomBytes(16).toString('hex')}`;

let count = 0;
let openCount = 0;
const collected = new FinalizationRegistry(() => (openCount -= 1));

let max: number | undefined;

/** Half of the files that the process may have open, and no more than `KEY_LOGS_MAX`. */
function keyLogsMax(): number {
  if (max !== undefined) return max;
  let limit = 0;
  try {
    limit = Number(
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1],
    );
  } catch {
    // Then nobody knows, and none is taken.
  }
  max = Math.min(KEY_LOGS_MAX, Math.floor((limit || 0) / 2));
  return max;
}

/**
 * quiche keeps the keys of a connection to itself, and without them nobody can see what a peer
 * sends. Its binding can write them to a file, for debugging: here the file lives in memory, has no
 * name, and is emptied as soon as it was read. Linux only. The native object holds it open as long
 * as it lives, which is why they take at most half of the files that the process may open.
 */
export class SecretTap {
  #file: number | undefined;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Before the handshake begins. Undefined where it cannot be had. */
  static attach(native: KeyLogging): SecretTap | undefined {
    if (process.platform !== 'linux' || openCount >= keyLogsMax()) return undefined;
    count += 1;
    const path = `${PREFIX}-${count}`;
    let file: number | undefined;
    try {
      file = openSync(path, 'wx+', 0o600);
      try {
        native.setKeylog(path);
      } finally {
        unlinkSync(path);
      }
    } catch {
      if (file !== undefined) closeSync(file);
      return undefined;
    }
    openCount += 1;
    collected.register(native, undefined);
    return new SecretTap(file);
  }

  /** After the handshake; once. */
  take(): TrafficSecrets | undefined {
    if (this.#file === undefined) return undefined;
    const bytes = Buffer.alloc(LOG_BYTES_MAX);
    let text = '';
    try {
      text = bytes.toString('latin1', 0, readSync(this.#file, bytes, 0, bytes.length, 0));
    } catch {
      // Then there are no secrets.
    }
    bytes.fill(0);
    // The engine writes to one place only: what somebody wants for debugging comes from here.
    const wanted = process.env['SSLKEYLOGFILE'];
    try {
      if (wanted !== undefined && wanted !== '') appendFileSync(wanted, text, { mode: 0o600 });
    } catch {
      // Debugging must not end a connection.
    }
    this.close();
    const client = /^CLIENT_TRAFFIC_SECRET_0 \w+ (\w+)$/m.exec(text)?.[1];
    const server = /^SERVER_TRAFFIC_SECRET_0 \w+ (\w+)$/m.exec(text)?.[1];
    if (client === undefined || server === undefined) return undefined;
    return { client: Buffer.from(client, 'hex'), server: Buffer.from(server, 'hex') };
  }

  close(): void {
    if (this.#file === undefined) return;
    try {
      ftruncateSync(this.#file);
    } finally {
      closeSync(this.#file);
      this.#file = undefined;
    }
  }
}

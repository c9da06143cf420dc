import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { QLOG_BYTES_MAX } from '../limits.js';

/** Name of the variable that other QUIC programs use too; qvis and Wireshark read the files. */
const VARIABLE = 'QLOGDIR';
/** RFC 7464. */
const RECORD_SEPARATOR = '\u001E';

/**
 * Events of one connection in qlog (draft-ietf-quic-qlog-main-schema, JSON text sequences), in a file
 * of its own in the folder that QLOGDIR names. What the loop sees: datagrams, paths, loss recovery's
 * counters, the end. Frames inside packets are the engine's, which does not show them.
 */
export class Qlog {
  readonly #stream: WriteStream;
  readonly #startedAtMs: number;
  #writtenBytes = 0;

  private constructor(stream: WriteStream, startedAtMs: number) {
    this.#stream = stream;
    this.#startedAtMs = startedAtMs;
    // A full disk must not end a connection.
    stream.on('error', () => undefined);
  }

  /** `connectionId`: the first one, in hexadecimal. Undefined when nobody asked for it. */
  static begin(connectionId: string, isServer: boolean, nowMs: number): Qlog | undefined {
    const folder = process.env[VARIABLE];
    if (folder === undefined || folder === '') return undefined;
    const side = isServer ? 'server' : 'client';
    const path = join(folder, `${connectionId}_${side}.sqlog`);
    const qlog = new Qlog(createWriteStream(path, { mode: 0o600 }), nowMs);
    qlog.#write({
      qlog_version: '0.3',
      qlog_format: 'JSON-SEQ',
      title: 'agentic-flow',
      trace: {
        vantage_point: { type: side },
        common_fields: { ODCID: connectionId, time_format: 'relative' },
      },
    });
    return qlog;
  }

  /** `name` is `category:event` of the qlog schema for QUIC; `data` its members. */
  event(name: string, data: object, nowMs: number): void {
    if (this.#writtenBytes > QLOG_BYTES_MAX) return;
    this.#write({ time: Math.round((nowMs - this.#startedAtMs) * 1_000) / 1_000, name, data });
  }

  end(): void {
    this.#stream.end();
  }

  #write(record: object): void {
    const text = `${RECORD_SEPARATOR}${JSON.stringify(record, numbersWhole)}\n`;
    this.#writtenBytes += text.length;
    this.#stream.write(text);
  }
}

/** quiche counts connection ids in BigInt, which JSON does not know. */
function numbersWhole(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

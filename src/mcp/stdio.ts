/** The server on standard input and output, as editors start it. */
import { PassThrough, Writable } from 'node:stream';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { ANSWERS_MS_MAX, MESSAGE_BYTES_MAX } from './limits.js';
import { ToolServer, type ToolServerOptions } from './server.js';

/**
 * Serves until standard input ends and all that was asked is answered, or a signal comes; then the
 * store is closed. From the first line on, whatever else writes to standard output goes to standard
 * error: there a single byte would break the protocol.
 */
export async function serveOnStdio(options: ToolServerOptions): Promise<void> {
  const output = takeStandardOutput();
  const tools = new ToolServer(options);
  await new Promise<void>((resolve) => {
    const input = new PassThrough();
    process.stdin.pipe(input, { end: false });
    const transport = new EndingTransport(input, output, { maxBufferSize: MESSAGE_BYTES_MAX });
    const handle = serveStdio(() => tools.connection(), {
      transport,
      onerror: (error) => process.stderr.write(`${error.message}\n`),
    });
    let isEnding = false;
    const end = (): void => {
      if (isEnding) return;
      isEnding = true;
      process.removeListener('SIGINT', end);
      process.removeListener('SIGTERM', end);
      void handle.close().then(resolve, resolve);
    };
    transport.ended = end;
    // Behind what the pipe still holds.
    const inputEnded = (): void => void setImmediate(() => transport.whenAnswered(end));
    process.stdin.once('end', inputEnded);
    process.stdin.once('close', inputEnded);
    output.once('error', end);
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
  await tools.close();
  // A pipe that nobody closes would keep the process.
  process.stdin.destroy();
}

/**
 * Says when it is closed, also by itself: after a message that is too long it reads no more. Knows
 * which requests have no answer yet.
 */
class EndingTransport extends StdioServerTransport {
  ended: () => void = () => undefined;
  readonly #asked = new Set<string | number>();
  #answered: (() => void) | undefined;

  override async start(): Promise<void> {
    const deliver = this.onmessage;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no event target
    this.onmessage = (message) => {
      if ('method' in message && 'id' in message) this.#asked.add(message.id);
      else if ('method' in message && message.method === 'notifications/cancelled') {
        this.#settle(message.params?.['requestId']);
      }
      deliver?.(message);
    };
    await super.start();
  }

  override async send(message: JSONRPCMessage): Promise<void> {
    await super.send(message);
    if (!('method' in message)) this.#settle(message.id);
  }

  /** Calls `done` when no request waits for its answer any more, or when that takes too long. */
  whenAnswered(done: () => void): void {
    this.#answered = done;
    setTimeout(done, ANSWERS_MS_MAX).unref();
    this.#settle(undefined);
  }

  #settle(id: unknown): void {
    this.#asked.delete(id as string | number);
    if (this.#asked.size === 0) this.#answered?.();
  }

  override async close(): Promise<void> {
    await super.close();
    this.ended();
  }
}

/** A stream that is the only one to reach standard output. */
function takeStandardOutput(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout) as (
    chunk: Uint8Array,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ) => boolean;
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  const output = new Writable({
    write: (chunk: Uint8Array, encoding, done) => void write(chunk, encoding, done),
  });
  stdout.on('error', (error) => output.destroy(error));
  return output;
}

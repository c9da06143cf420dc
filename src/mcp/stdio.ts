/** The server on standard input and output, as editors start it. */
import { Writable } from 'node:stream';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { MESSAGE_BYTES_MAX } from './limits.js';
import { ToolServer, type ToolServerOptions } from './server.js';

/**
 * Serves until standard input ends, or a signal comes; then the store is closed. From the first line on,
 * whatever else writes to standard output goes to standard error: there a single byte would break the
 * protocol.
 */
export async function serveOnStdio(options: ToolServerOptions): Promise<void> {
  const output = takeStandardOutput();
  const tools = new ToolServer(options);
  await new Promise<void>((resolve) => {
    const transport = new EndingTransport(process.stdin, output, {
      maxBufferSize: MESSAGE_BYTES_MAX,
    });
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
    process.stdin.once('end', end);
    process.stdin.once('close', end);
    output.once('error', end);
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
  await tools.close();
  // A pipe that nobody closes would keep the process.
  process.stdin.destroy();
}

/** Says when it is closed, also by itself: after a message that is too long it reads no more. */
class EndingTransport extends StdioServerTransport {
  ended: () => void = () => undefined;

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

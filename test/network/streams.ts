import { createHash } from 'node:crypto';
import type { Connection, Stream, StreamHandler } from '../../transport/quic/index.js';
import { Content } from './content.js';

/** First byte of a stream: what is wanted of the other side. */
const UPLOAD = 1;
const DOWNLOAD = 2;
const ECHO = 3;
const REQUEST_BYTES = 9;
/** Calls and their answers go before bulk, as those of the layer above do. */
const CALL_URGENCY = 1;

function handler(
  onData: StreamHandler['onData'],
  onLost: (error: Error) => void,
  onDrained: () => void = () => undefined,
): StreamHandler {
  return {
    onData,
    onDrained,
    onReset: (code) => onLost(new Error(`the stream was reset with code ${code}`)),
    onStopped: (code) => onLost(new Error(`the stream was stopped with code ${code}`)),
    onConnectionClosed: ({ reason }) => onLost(new Error(`the connection ended: ${reason}`)),
  };
}

/** Writes content as fast as the stream takes it. */
function sender(stream: Stream, content: Content): () => void {
  return () => {
    while (!content.isOver) {
      const chunk = content.next();
      if (!stream.write(chunk, content.isOver)) return;
    }
  };
}

/** The answering side of all three. */
export function answer(stream: Stream): StreamHandler {
  let kind = 0;
  let parts: Buffer[] = [];
  let onDrained = (): void => undefined;
  const hash = createHash('sha256');
  const onData = (bytes: Uint8Array, isFinal: boolean): void => {
    let rest = bytes;
    if (kind === 0 && bytes.length > 0) {
      kind = bytes[0]!;
      rest = bytes.subarray(1);
    }
    if (kind === UPLOAD) hash.update(rest);
    else parts.push(Buffer.from(rest));
    if (!isFinal) return;
    if (kind === UPLOAD) stream.write(hash.digest(), true);
    if (kind === ECHO) {
      stream.setPriority(CALL_URGENCY, true);
      stream.write(Buffer.concat(parts), true);
    }
    if (kind === DOWNLOAD) {
      const request = Buffer.concat(parts);
      onDrained = sender(stream, new Content(request.readUInt32BE(0), request.readUInt32BE(4)));
      onDrained();
    }
    parts = [];
  };
  return handler(
    onData,
    () => undefined,
    () => onDrained(),
  );
}

/** Opens a stream and collects what is answered. */
function ask(
  connection: Connection,
  write: (stream: Stream) => () => void,
  onBytes: (bytes: Uint8Array) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let onDrained = (): void => undefined;
    const stream = connection.openBidirectional(
      handler(
        (bytes, isFinal) => {
          onBytes(bytes);
          if (isFinal) resolve();
        },
        reject,
        () => onDrained(),
      ),
    );
    if (stream === undefined) {
      reject(new Error('the peer allows no more streams'));
      return;
    }
    onDrained = write(stream);
    onDrained();
  });
}

/** Sends content; resolves with the digest that the peer made of it. */
export async function upload(connection: Connection, seed: number, bytes: number): Promise<string> {
  const parts: Buffer[] = [];
  await ask(
    connection,
    (stream) => {
      stream.write(Buffer.from([UPLOAD]));
      return sender(stream, new Content(seed, bytes));
    },
    (received) => parts.push(Buffer.from(received)),
  );
  return Buffer.concat(parts).toString('hex');
}

/** Asks for content; resolves with the digest of what came. */
export async function download(
  connection: Connection,
  seed: number,
  bytes: number,
  onBytes: (count: number) => void = () => undefined,
): Promise<string> {
  const request = Buffer.alloc(REQUEST_BYTES);
  request[0] = DOWNLOAD;
  request.writeUInt32BE(seed, 1);
  request.writeUInt32BE(bytes, 5);
  const hash = createHash('sha256');
  await ask(
    connection,
    (stream) => {
      stream.write(request, true);
      return () => undefined;
    },
    (received) => {
      hash.update(received);
      onBytes(received.length);
    },
  );
  return hash.digest('hex');
}

/** A small call on a stream of its own. */
export async function echo(connection: Connection, bytes: number): Promise<void> {
  let receivedBytes = 0;
  await ask(
    connection,
    (stream) => {
      stream.setPriority(CALL_URGENCY, true);
      stream.write(Buffer.concat([Buffer.from([ECHO]), Buffer.alloc(bytes, 7)]), true);
      return () => undefined;
    },
    (received) => {
      receivedBytes += received.length;
    },
  );
  if (receivedBytes !== bytes) throw new Error(`${receivedBytes} of ${bytes} bytes came back`);
}

import { connect, constants, type ClientHttp2Session } from 'node:http2';

/** Flag of compression and length, before each message. */
const PREFIX_BYTES = 5;
const CONNECT_MS_MAX = 2_000;

/** One HTTP/2 connection on which unary gRPC calls are made, without TLS. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  static async open(port: number): Promise<GrpcConnection> {
    const session = connect(`http://127.0.0.1:${port}`, { settings: { enablePush: false } });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        session.destroy();
        reject(new Error(`port ${port} did not answer in ${CONNECT_MS_MAX} ms`));
      }, CONNECT_MS_MAX);
      // Stays: what ends the connection later is told by the calls that run.
      session.on('error', reject);
      session.once('connect', () => resolve());
      session.once('close', () => clearTimeout(timer));
      session.once('connect', () => clearTimeout(timer));
    });
    return new GrpcConnection(session);
  }

  get isOpen(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** Resolves with the answer; rejects with the status that the server gave, or when it is late. */
  call(path: string, message: Uint8Array, timeoutMs = 0): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const chunks: Buffer[] = [];
      let status: string | string[] | undefined;
      let reason: string | string[] | undefined;
      const onHeaders = (headers: Record<string, string | string[] | number | undefined>): void => {
        status = (headers['grpc-status'] as string | undefined) ?? status;
        reason = (headers['grpc-message'] as string | undefined) ?? reason;
      };
      if (timeoutMs > 0) {
        stream.setTimeout(timeoutMs, () => stream.close(constants.NGHTTP2_CANCEL));
      }
      stream.on('response', onHeaders);
      stream.on('trailers', onHeaders);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('close', () => {
        if (status === '0') resolve(unframe(chunks));
        else reject(new Error(`${path} ended with status ${String(status)}: ${String(reason)}`));
      });
      stream.end(frame(message));
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

function unframe(chunks: readonly Buffer[]): Uint8Array {
  const framed = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  if (framed.length < PREFIX_BYTES || framed.readUInt32BE(1) !== framed.length - PREFIX_BYTES) {
    throw new Error(`${framed.length} bytes are not one gRPC message`);
  }
  return framed.subarray(PREFIX_BYTES);
}

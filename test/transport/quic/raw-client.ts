import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import {
  loadNative,
  type NativeConfig,
  type NativeConnection,
  type NativeConnectionError,
} from '../../../transport/quic/quiche/native.js';

/** A QUIC client without any of our rules, to be a peer that breaks them. */
export class RawClient {
  readonly native: NativeConnection;
  readonly #socket: Socket;
  readonly #buffer = new Uint8Array(16_384);
  readonly #timer: NodeJS.Timeout;

  private constructor(native: NativeConnection, socket: Socket) {
    this.native = native;
    this.#socket = socket;
    const to = { host: '127.0.0.1', port: socket.address().port };
    socket.on('message', (datagram, remote) => {
      try {
        native.recv(datagram, { from: { host: remote.address, port: remote.port }, to });
      } catch {
        // The connection error says what it was.
      }
      this.flush();
    });
    this.#timer = setInterval(() => {
      native.onTimeout();
      this.flush();
    }, 10);
    this.flush();
  }

  static async connect(config: NativeConfig, port: number): Promise<RawClient> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const local = { host: '127.0.0.1', port: socket.address().port };
    const remote = { host: '127.0.0.1', port };
    const native = loadNative().Connection.connect(
      undefined,
      randomBytes(16),
      local,
      remote,
      config,
    );
    return new RawClient(native, socket);
  }

  get peerError(): NativeConnectionError | null {
    return this.native.peerError();
  }

  flush(): void {
    for (let count = 0; count < 100; count += 1) {
      const packet = this.native.send(this.#buffer);
      if (packet === null) return;
      const [length, { to }] = packet;
      this.#socket.send(this.#buffer.slice(0, length), to.port, to.host);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }
}

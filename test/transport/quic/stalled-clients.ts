import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  loadNative,
  type NativeConfig,
  type NativeConnection,
} from '../../../transport/quic/quiche/native.js';
import { sleep } from '../../waiting.js';

/** Clients of one address that show that it is theirs (Retry), and then say nothing more. */
export class StalledClients {
  /** Second attempts that were sent, with a token. */
  provenCount = 0;
  readonly #socket: Socket;
  readonly #port: number;
  readonly #config: NativeConfig;
  readonly #clients = new Map<string, NativeConnection>();
  readonly #buffer = new Uint8Array(1_500);

  private constructor(socket: Socket, port: number) {
    const { Config } = loadNative();
    const none = undefined as never;
    this.#config = Config.withBoringSslCtx(false, true, undefined, none, none, 'ed25519');
    this.#config.setApplicationProtos(['test']);
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (datagram) => this.#onDatagram(datagram));
  }

  static async of(host: string, port: number): Promise<StalledClients> {
    const socket = createSocket('udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    return new StalledClients(socket, port);
  }

  async begin(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const id = randomBytes(16);
      const { Connection } = loadNative();
      const client = Connection.connect(undefined, id, this.#here, this.#there, this.#config);
      this.#clients.set(id.toString('hex'), client);
      this.#send(client);
      if (index % 16 === 15) await sleep(2);
    }
  }

  close(): void {
    this.#socket.close();
  }

  get #here(): { host: string; port: number } {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  get #there(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.#port };
  }

  #onDatagram(datagram: Buffer): void {
    const isRetry = ((datagram[0] ?? 0) & 0xf0) === 0xf0;
    const id = datagram.subarray(6, 6 + (datagram[5] ?? 0)).toString('hex');
    const client = this.#clients.get(id);
    if (!isRetry || client === undefined) return;
    client.recv(datagram, { from: this.#there, to: this.#here });
    this.provenCount += 1;
    this.#send(client);
  }

  #send(client: NativeConnection): void {
    const length = client.send(this.#buffer)?.[0] ?? 0;
    this.#socket.send(Buffer.from(this.#buffer.subarray(0, length)), this.#port, '127.0.0.1');
  }
}

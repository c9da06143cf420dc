import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach } from 'vitest';

/** Which way a datagram goes: up to the server, down to the client. */
export type Direction = 'up' | 'down';

export interface RelayedDatagram {
  readonly direction: Direction;
  readonly bytes: Buffer;
  readonly atMs: number;
}

const open: UdpRelay[] = [];

afterEach(() => {
  for (const relay of open.splice(0)) relay.close();
});

/**
 * Stands between one client and a server as a NAT does, and may do to datagrams what networks do.
 * Writes down all that passes.
 */
export class UdpRelay {
  readonly port: number;
  readonly seen: RelayedDatagram[] = [];
  /** Returns false to lose a datagram. */
  filter: (direction: Direction, bytes: Buffer, remote: RemoteInfo) => boolean = () => true;
  delayMs = 0;
  /** Each address of the client has a port of its own towards the server, as behind a router. */
  hasFlows = false;
  readonly #flows = new Map<string, Promise<Socket>>();
  readonly #front: Socket;
  #serverPort: number;
  #back: Socket;
  #spare: Socket | undefined;
  #client: RemoteInfo | undefined;
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(front: Socket, back: Socket, serverPort: number) {
    this.#front = front;
    this.#back = back;
    this.#serverPort = serverPort;
    this.port = front.address().port;
    front.on('message', (bytes, remote) => {
      if (this.hasFlows) {
        void this.#passInFlow(bytes, remote);
        return;
      }
      this.#pass('up', bytes, remote, () => {
        this.#client = remote;
        this.#back.send(bytes, this.#serverPort, '127.0.0.1');
      });
    });
    this.#listenBack(back);
    open.push(this);
  }

  static async to(serverPort: number): Promise<UdpRelay> {
    return new UdpRelay(await bound(), await bound(), serverPort);
  }

  /** Another server stands behind it from now on. */
  retarget(serverPort: number): void {
    this.#serverPort = serverPort;
  }

  /** The port that the server sees. */
  get backPort(): number {
    return this.#back.address().port;
  }

  /** The NAT forgets its mapping: the server sees another port from now on. */
  async rebind(): Promise<void> {
    const before = this.#back;
    this.#back = await bound();
    this.#listenBack(this.#back);
    before.close();
  }

  /** Changes between two ports: first to another one, the next time back to the one before. */
  async exchange(): Promise<void> {
    if (this.#spare === undefined) {
      this.#spare = await bound();
      this.#listenBack(this.#spare);
    }
    [this.#back, this.#spare] = [this.#spare, this.#back];
  }

  /** Sends a datagram to the server as if the client had sent it. */
  inject(bytes: Buffer): void {
    this.#back.send(bytes, this.#serverPort, '127.0.0.1');
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#front.close();
    this.#back.close();
    this.#spare?.close();
    for (const flow of this.#flows.values()) void flow.then((socket) => socket.close());
  }

  async #passInFlow(bytes: Buffer, client: RemoteInfo): Promise<void> {
    const flow = client.port === this.#client?.port ? this.#back : await this.#flowOf(client);
    this.#pass('up', bytes, client, () => flow.send(bytes, this.#serverPort, '127.0.0.1'));
  }

  #flowOf(client: RemoteInfo): Promise<Socket> {
    const key = `${client.address}:${client.port}`;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = bound();
      this.#flows.set(key, flow);
      void flow.then((socket) => {
        socket.on('message', (answer) => {
          const send = (): void => this.#front.send(answer, client.port, client.address);
          this.#pass('down', answer, client, send);
        });
      });
    }
    return flow;
  }

  #listenBack(back: Socket): void {
    back.on('message', (bytes, remote) => {
      const client = this.#client;
      if (client === undefined) return;
      this.#pass('down', bytes, remote, () => this.#front.send(bytes, client.port, client.address));
    });
  }

  #pass(direction: Direction, bytes: Buffer, remote: RemoteInfo, send: () => void): void {
    this.seen.push({ direction, bytes: Buffer.from(bytes), atMs: performance.now() });
    if (!this.filter(direction, bytes, remote)) return;
    if (this.delayMs === 0) {
      send();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, this.delayMs);
    this.#timers.add(timer);
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

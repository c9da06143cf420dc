import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIdentity } from '../../../../transport/identity/index.js';
import { Configs } from '../../../../transport/quic/quiche/config.js';
import { readFrames, type Frame } from '../../../../transport/quic/quiche/frames.js';
import {
  loadNative,
  type NativeConfig,
  type NativeConnection,
  type NativeHost,
} from '../../../../transport/quic/quiche/native.js';
import {
  openPacket,
  packetKeys,
  type PacketKeys,
} from '../../../../transport/quic/quiche/packet-protection.js';
import { resolveSettings } from '../../../../transport/quic/settings.js';
import { until } from '../../../waiting.js';
import { ack } from './frames.js';
import { shortPacket } from './packets.js';

interface LoggingConnection extends NativeConnection {
  setKeylog(path: string): void;
  destinationId(): Uint8Array;
  sourceId(): Uint8Array;
}

/** Far above what the honest part of the connection has used. */
const FIRST_PACKET_NUMBER = 1_000;
/** Packets that are remembered. */
const RECEIVED_MAX = 10_000;
const HOST = '127.0.0.1';

export interface Received {
  readonly packetNumber: number;
  readonly frames: readonly Frame[];
}

/**
 * A peer that shakes hands as quiche does and then says whatever a test wants: it knows the keys of
 * the connection, and sends any frames in properly protected packets.
 */
export class ForgedPeer {
  readonly socket: Socket;
  readonly received: Received[] = [];
  /** Acknowledge what comes. */
  isAcknowledging = true;
  /** The id under which the other side knows this connection. */
  readonly destination: Buffer;
  packetNumber = FIRST_PACKET_NUMBER;
  receivedBytes = 0;
  onReceived: ((received: Received) => void) | undefined;
  /** Packet numbers of the other side that came, to be acknowledged. */
  readonly #numbers = new Set<number>();
  #largest = -1;
  readonly #remote: NativeHost;
  readonly #sendKeys: PacketKeys;
  readonly #receiveKeys: PacketKeys;
  readonly #sourceLength: number;

  private constructor(
    socket: Socket,
    remote: NativeHost,
    native: LoggingConnection,
    secrets: ReadonlyMap<string, Buffer>,
    isClient: boolean,
  ) {
    this.socket = socket;
    this.#remote = remote;
    this.destination = Buffer.from(native.destinationId());
    this.#sourceLength = native.sourceId().length;
    const client = secretOf(secrets, 'CLIENT_TRAFFIC_SECRET_0');
    const server = secretOf(secrets, 'SERVER_TRAFFIC_SECRET_0');
    this.#sendKeys = packetKeys(isClient ? client : server, 'aes-128-gcm');
    this.#receiveKeys = packetKeys(isClient ? server : client, 'aes-128-gcm');
    socket.removeAllListeners('message');
    socket.on('message', (packet: Buffer) => this.#receive(packet));
  }

  /** Dials an engine. */
  static async connect(port: number, protocol = 'test'): Promise<ForgedPeer> {
    const socket = await bound();
    const local = { host: HOST, port: socket.address().port };
    const remote = { host: HOST, port };
    const native = loadNative().Connection.connect(
      undefined,
      randomBytes(16),
      local,
      remote,
      loggingConfig(protocol),
    ) as LoggingConnection;
    const secrets = await shakeHands(socket, native, local, remote);
    return new ForgedPeer(socket, remote, native, secrets, true);
  }

  /** Waits for an engine to dial; `port` is known at once, `peer` after the handshake. */
  static async listen(
    protocol = 'test',
  ): Promise<{ readonly port: number; readonly peer: Promise<ForgedPeer> }> {
    const socket = await bound();
    const local = { host: HOST, port: socket.address().port };
    const peer = new Promise<ForgedPeer>((resolve, reject) => {
      socket.once('message', (first: Buffer, from: RemoteInfo) => {
        const remote = { host: from.address, port: from.port };
        const native = loadNative().Connection.accept(
          randomBytes(16),
          undefined,
          local,
          remote,
          loggingConfig(protocol),
        ) as LoggingConnection;
        shakeHands(socket, native, local, remote, first)
          .then((secrets) => resolve(new ForgedPeer(socket, remote, native, secrets, false)))
          .catch(reject);
      });
    });
    return { port: local.port, peer };
  }

  /** Protects and sends one packet with these frames; `from` another socket: a new path. */
  send(frames: readonly Uint8Array[], from: Socket = this.socket): number {
    const packetNumber = this.packetNumber;
    this.packetNumber += 1;
    from.send(this.packet(frames, packetNumber), this.#remote.port, this.#remote.host);
    return packetNumber;
  }

  /** Any bytes to where the packets go. */
  sendRaw(datagram: Uint8Array, from: Socket = this.socket): void {
    from.send(datagram, this.#remote.port, this.#remote.host);
  }

  packet(frames: readonly Uint8Array[], packetNumber: number): Buffer {
    return shortPacket(this.#sendKeys, this.destination, packetNumber, Buffer.concat(frames));
  }

  /** Takes packets that come to another socket, too. */
  listenOn(socket: Socket): void {
    socket.on('message', (packet: Buffer) => this.#receive(packet));
  }

  /** All numbers of packets that came, as ranges, the highest first. */
  ranges(): [number, number][] {
    const numbers = [...this.#numbers].sort((a, b) => b - a);
    const ranges: [number, number][] = [];
    for (const number of numbers) {
      const last = ranges.at(-1);
      if (last !== undefined && last[0] === number + 1) last[0] = number;
      else ranges.push([number, number]);
    }
    return ranges.slice(0, 32);
  }

  /** Everything of one kind that was received. */
  framesOf<Kind extends Frame['kind']>(kind: Kind): Extract<Frame, { kind: Kind }>[] {
    return this.received
      .flatMap(({ frames }) => frames)
      .filter((frame): frame is Extract<Frame, { kind: Kind }> => frame.kind === kind);
  }

  get isClosedByPeer(): boolean {
    return this.framesOf('close').length > 0;
  }

  close(): void {
    this.socket.close();
  }

  #receive(packet: Buffer): void {
    this.receivedBytes += packet.length;
    if (((packet[0] ?? 0x80) & 0x80) !== 0) return;
    const opened = openPacket(this.#receiveKeys, packet, 1 + this.#sourceLength, this.#largest);
    if (opened === undefined) return;
    const frames = readFrames(opened.payload) ?? [];
    this.#largest = Math.max(this.#largest, opened.packetNumber);
    this.#numbers.add(opened.packetNumber);
    const received = { packetNumber: opened.packetNumber, frames };
    const isClose = frames.some(({ kind }) => kind === 'close');
    if (this.received.length < RECEIVED_MAX || isClose) this.received.push(received);
    this.onReceived?.(received);
    const isElicited = frames.some(({ kind }) => !['ack', 'padding', 'close'].includes(kind));
    if (this.isAcknowledging && isElicited) this.send([ack(this.ranges())]);
    while (this.#numbers.size > 512) this.#numbers.delete(Math.min(...this.#numbers));
  }
}

/** A socket on loopback. */
export async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
  return socket;
}

function loggingConfig(protocol: string): NativeConfig {
  const { privateKeyPem, certificatePem } = createIdentity();
  const configs = new Configs(
    loadNative(),
    {
      protocols: [protocol],
      privateKeyPem,
      certificatePem,
      signatureAlgorithms: ['ed25519'],
      asksCertificate: true,
    },
    resolveSettings({ packetBytes: 1_350 }),
  );
  return configs.get({ packetBytes: 1_350, isEarly: false });
}

/** Runs the handshake with the real engine; returns the secrets of its key log. */
async function shakeHands(
  socket: Socket,
  native: LoggingConnection,
  local: NativeHost,
  remote: NativeHost,
  first?: Buffer,
): Promise<ReadonlyMap<string, Buffer>> {
  const folder = mkdtempSync(join(tmpdir(), 'forge-'));
  const path = join(folder, 'keys');
  try {
    native.setKeylog(path);
    const buffer = new Uint8Array(16_384);
    const flush = (): void => {
      for (let packet = native.send(buffer); packet !== null; packet = native.send(buffer)) {
        socket.send(buffer.slice(0, packet[0]), remote.port, remote.host);
      }
    };
    let isConfirmed = false;
    const receive = (packet: Buffer): void => {
      // A 1-RTT packet after the handshake: it carries HANDSHAKE_DONE.
      const isShort = ((packet[0] ?? 0x80) & 0x80) === 0;
      try {
        native.recv(packet, { from: remote, to: local });
      } catch {
        // What went wrong is seen by the handshake not ending.
      }
      isConfirmed ||= isShort && native.isEstablished();
      flush();
    };
    socket.on('message', receive);
    if (first !== undefined) receive(first);
    flush();
    await until(
      'the handshake is over',
      () => native.isEstablished() && (isConfirmed || first !== undefined),
    );
    flush();
    return readSecrets(readFileSync(path, 'latin1'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The key log format of NSS: label, client random, secret. */
function readSecrets(log: string): ReadonlyMap<string, Buffer> {
  const lines = log.split('\n').map((line) => line.split(' '));
  return new Map(lines.map(([label = '', , secret = '']) => [label, Buffer.from(secret, 'hex')]));
}

function secretOf(secrets: ReadonlyMap<string, Buffer>, label: string): Buffer {
  const secret = secrets.get(label);
  if (secret === undefined) throw new Error(`the key log has no ${label}`);
  return secret;
}

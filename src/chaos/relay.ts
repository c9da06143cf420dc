/**
 * The process in the hub that carries every datagram between the hosts of an experiment, and loses,
 * delays, doubles and blocks them as the policy says. It translates addresses one to one: what a
 * host sends from a port, the others see from the same port of its outside address.
 */
import type { Socket } from 'node:dgram';
import type { FaultAction } from '../../sim/nemesis/index.js';
import type { NetworkOptions } from '../../sim/world/index.js';
import { openSocket, send, Underway } from './datagrams.js';
import { limits } from './limits.js';
import type { Place } from './places.js';
import { Policy } from './policy.js';
import { serveParent } from './remote.js';

/** What the relay is started with, as JSON in its argument. */
export interface RelaySettings {
  readonly seed: number;
  readonly nodes: readonly Place[];
  /** Hosts whose traffic is left alone. */
  readonly others: readonly Place[];
  readonly options: NetworkOptions;
}

/** Headers of IPv4 and UDP. */
const HEADER_BYTES = 28;

const settings = JSON.parse(process.argv[2] ?? '') as RelaySettings;
const places = [...settings.nodes, ...settings.others];
const nodeNames = settings.nodes.map(({ name }) => name);
const policy = new Policy(settings.seed, nodeNames, settings.options);
const placeByInside = new Map(places.map((place) => [place.inside, place]));
const underway = new Underway();
/** The socket that stands for a port of a host, by outside address and port. */
const sockets = new Map<string, Socket>();

function socketOf(place: Place, port: number): Socket | undefined {
  const key = `${place.outside}:${port}`;
  const known = sockets.get(key);
  if (known !== undefined || sockets.size >= limits.relayPortsMax) return known;
  const socket = openSocket();
  sockets.set(key, socket);
  socket.on('message', (bytes, { address, port: senderPort }) => {
    const sender = placeByInside.get(address);
    if (sender !== undefined) carry(bytes, sender, senderPort, place, port);
  });
  socket.bind(port, place.outside);
  return socket;
}

function carry(bytes: Buffer, from: Place, fromPort: number, to: Place, toPort: number): void {
  const out = socketOf(from, fromPort);
  // As on a path that drops fragments: whoever sends must find out what fits.
  if (out === undefined || bytes.length + HEADER_BYTES > limits.mtuBytes) return;
  const nowMicroseconds = Math.round(performance.now() * 1_000);
  for (const atMicroseconds of policy.arrivals(from.name, to.name, nowMicroseconds, bytes.length)) {
    underway.add(atMicroseconds / 1_000, () => {
      policy.arrive(from.name, to.name, () => send(out, bytes, { host: to.inside, port: toPort }));
    });
  }
}

serveParent({
  /** Binds the ports of the nodes, so that the first datagram finds them. */
  open: () => {
    for (const place of settings.nodes) socketOf(place, limits.nodePort);
  },
  apply: ({ action }: { readonly action: FaultAction }) => policy.apply(action),
  counts: () => policy.counts,
});

import { existsSync } from 'node:fs';
import { agenticFlow, engineStreams } from './agentic-flow.js';
import { datagrams } from './datagrams.js';
import { http2 } from './http2.js';
import type { Transport } from './link.js';
import { tls } from './tls.js';

/** Packages that only this bench needs are installed there, not with the project. */
const peersUrl = new URL('../../../bench/peers/', import.meta.url);

const builtIn: Readonly<Record<string, Transport>> = {
  'agentic-flow': agenticFlow,
  engine: engineStreams,
  'node:http2': http2,
  'node:tls': tls,
  'node:dgram': datagrams,
};

/** Modules that stand beside their packages; `least` is the oldest Node that a package wants. */
const installed: Readonly<Record<string, { module: string; package: string; least: number }>> = {
  'libp2p-quic': { module: 'libp2p-quic.mjs', package: '@chainsafe/libp2p-quic', least: 20 },
  'currentspace-http3': {
    module: 'currentspace-http3.mjs',
    package: '@currentspace/http3',
    least: 24,
  },
};

/** In the order in which they are measured. */
export const transportNames: readonly string[] = [
  ...Object.keys(builtIn),
  ...Object.keys(installed),
];

/** What keeps a transport from being measured, and what to do; undefined when nothing does. */
export function missing(name: string): string | undefined {
  const peer = Object.hasOwn(installed, name) ? installed[name] : undefined;
  if (peer === undefined) return undefined;
  if (Number(process.versions.node.split('.')[0]) < peer.least) {
    return `${peer.package} wants Node ${peer.least}`;
  }
  if (!existsSync(new URL(`node_modules/${peer.package}/package.json`, peersUrl))) {
    return 'not installed; npm install --prefix bench/peers';
  }
  return undefined;
}

export async function loadTransport(name: string): Promise<Transport> {
  const transport = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (transport !== undefined) return transport;
  const peer = Object.hasOwn(installed, name) ? installed[name] : undefined;
  if (peer === undefined) throw new Error(`no transport is named ${name}`);
  return (await import(new URL(peer.module, peersUrl).href)) as Transport;
}

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

/** In the order in which they are measured. */
export const transportNames: readonly string[] = [...Object.keys(builtIn), 'libp2p-quic'];

/** What keeps a transport from being measured, and what to do; undefined when nothing does. */
export function missing(name: string): string | undefined {
  if (Object.hasOwn(builtIn, name)) return undefined;
  if (existsSync(new URL('node_modules/@chainsafe/libp2p-quic/package.json', peersUrl))) {
    return undefined;
  }
  return 'not installed; npm install --prefix bench/peers';
}

export async function loadTransport(name: string): Promise<Transport> {
  const transport = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (transport !== undefined) return transport;
  if (name !== 'libp2p-quic') throw new Error(`no transport is named ${name}`);
  return (await import(new URL('libp2p-quic.mjs', peersUrl).href)) as Transport;
}

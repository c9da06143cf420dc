/**
 * A swarm of one node in a directory of its own, from its founding to its end. What runs in it is
 * compiled and loaded when the real directory is opened, which then takes a fraction of the time; and
 * a release that cannot do this is found out before anything depends on it.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import type { Embedder } from '../../src/memory/engine.js';
import { createIdentity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import { initSwarm } from '../create.js';
import { dataPaths } from '../data-directory.js';
import { NodeError, messageOf } from '../errors.js';
import { SwarmNode } from '../node.js';

const LOOPBACK = '127.0.0.1';
const TEXT = 'a memory of the rehearsal';
const CALL_TIMEOUT_MS = 10_000;

const sessionAnswer = z.object({ session: z.union([z.number(), z.bigint()]) });
const readAnswer = z.object({ memory: z.object({ content: z.string() }).nullable() });

/** @throws NodeError `refused` when this release cannot run a node here. */
export async function rehearse(embedder: Embedder): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'agentic-flow-rehearsal-'));
  try {
    await runOnce(join(directory, 'node'), embedder);
  } catch (error) {
    throw new NodeError('refused', `the rehearsal failed: ${messageOf(error)}`, error);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runOnce(directory: string, embedder: Embedder): Promise<void> {
  const listen = { host: LOOPBACK, port: await freePort() };
  const { clientToken } = await initSwarm({ directory, listen, advertise: listen });
  let failure: unknown;
  const node = await SwarmNode.start({
    paths: dataPaths(directory),
    log: () => undefined,
    failed: (error) => {
      failure = error;
    },
    embedder: lent(embedder),
  });
  try {
    await exercise(node, clientToken);
    if (failure !== undefined) throw failure;
  } finally {
    await node.stop();
  }
}

/** A client that writes a memory and finds it. */
async function exercise(node: SwarmNode, token: string): Promise<void> {
  const endpoint = await listenRpc({ identity: createIdentity(), host: LOOPBACK, port: 0 });
  try {
    const timeout = { timeoutMs: CALL_TIMEOUT_MS };
    const address = { ...node.file.advertise, peerId: node.file.peerId };
    const connection = await endpoint.connect(address, timeout);
    const call = (method: string, payload: object): Promise<unknown> =>
      connection.call(method, payload, timeout);
    await call('client.hello', { protocol: 1, token });
    const { session } = sessionAnswer.parse(await call('memory.openSession', {}));
    const id = 'rehearsal';
    await call('memory.insert', { session, sequence: 1, awaitedFrom: 1, id, content: TEXT });
    await call('memory.search', { text: TEXT, limit: 1 });
    const found = readAnswer.parse(await call('memory.get', { id }));
    if (found.memory?.content !== TEXT) throw new Error('a memory was not read as it was written');
  } finally {
    await endpoint.close(0);
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  try {
    socket.bind(0, LOOPBACK);
    await once(socket, 'listening');
    return socket.address().port;
  } finally {
    socket.close();
  }
}

/** The model of the real node, which needs it afterwards. */
function lent(embedder: Embedder): Embedder {
  return {
    model: embedder.model,
    dimensions: embedder.dimensions,
    embed: (texts, priority) => embedder.embed(texts, priority),
    close: () => Promise.resolve(),
  };
}

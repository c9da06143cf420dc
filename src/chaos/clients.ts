/**
 * The process of the clients: uses the swarm through `SwarmClient`, as any program would, and
 * records every request. It sits in a namespace of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, SwarmClient, type Member } from '../client/index.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import { limits } from './limits.js';
import { nowMicroseconds, type ClientOperation, type Outcome } from './operations.js';
import { serveParent } from './remote.js';
import { ClientScript, sharedIds, type Request } from './workload.js';

/** What `connect` is told. */
export interface ConnectParams {
  /** `HOST:PORT#PEERID` of the first node. */
  readonly seed: string;
  readonly token: string;
}

/** What `start` is told. */
export interface StartParams {
  readonly clients: number;
  readonly seed: number;
  /** Names of the nodes by peer id. */
  readonly names: Readonly<Record<string, string>>;
}

/** What one node has in its own store. */
export interface Observation {
  /** Why it is behind the last acknowledged write; empty when it is not. */
  readonly lag: string;
  readonly memories: number;
  /** By id, of every id that was asked for; null where there is none. */
  readonly contents: Readonly<Record<string, string | null>>;
}

/** Codes of errors after which a write has certainly not left this process. */
const NEVER_SENT: ReadonlySet<string> = new Set(['invalid', 'overloaded']);

let token = '';
let observer: SwarmClient | undefined;
let names: Readonly<Record<string, string>> = {};
let loops: Promise<void>[] = [];
const stopping = new AbortController();
let recorded: ClientOperation[] = [];

function swarm(): SwarmClient {
  if (observer === undefined) throw new Error('connect comes first');
  return observer;
}

/** Asks once and records how it ended. */
async function perform(
  swarmClient: SwarmClient,
  client: number,
  request: Request,
  route: { readonly through: string } | { readonly only: string } | object,
  deadlineMs: number = limits.operationDeadlineMs,
): Promise<ClientOperation> {
  const { kind, id } = request;
  const options = { ...route, deadlineMs };
  const callMicroseconds = nowMicroseconds();
  const end = (outcome: Outcome, rest: Partial<ClientOperation>): ClientOperation => ({
    client,
    kind,
    id,
    content: kind === 'insert' ? request.content : null,
    outcome,
    callMicroseconds,
    returnMicroseconds: nowMicroseconds(),
    index: 0,
    servedBy: '',
    error: '',
    ...rest,
  });
  let operation: ClientOperation;
  try {
    if (request.kind === 'get') {
      const { memory, servedBy } = await swarmClient.get(id, options);
      operation = end('ok', { content: memory?.content ?? null, servedBy: nameOf(servedBy) });
    } else {
      const { content } = request;
      const { index, servedBy } = await swarmClient.insert({ id, content }, options);
      operation = end('ok', { index, servedBy: nameOf(servedBy) });
    }
  } catch (error) {
    const isHarmless =
      kind === 'get' || (error instanceof ClientError && NEVER_SENT.has(error.code));
    const message = error instanceof Error ? error.message : String(error);
    operation = end(isHarmless ? 'failed' : 'unknown', { error: message });
  }
  recorded.push(operation);
  return operation;
}

function nameOf(peerId: string): string {
  return names[peerId] ?? peerId;
}

/** A closed loop: the next request leaves some time after the answer to the last. */
async function loop(swarmClient: SwarmClient, client: number, seed: number): Promise<void> {
  const script = new ClientScript(seed, client);
  const peerIds = Object.keys(names);
  while (!stopping.signal.aborted) {
    const through = peerIds[script.member(peerIds.length)];
    await perform(swarmClient, client, script.next(), through === undefined ? {} : { through });
    await sleep(script.thinkMs());
  }
  await swarmClient.close();
}

function seeds(): { readonly host: string; readonly port: number; readonly peerId: string }[] {
  return swarm().members.map(({ host, port, peerId }) => ({ host, port, peerId }));
}

/** Runs `visit` for all, a bounded number at a time. */
async function forEach<T>(list: readonly T[], visit: (each: T) => Promise<void>): Promise<void> {
  const pending = list.values();
  const walk = async (): Promise<void> => {
    for (const each of pending) await visit(each);
  };
  await Promise.all(Array.from({ length: limits.readsPerNode }, walk));
}

serveParent({
  connect: async (params: ConnectParams) => {
    token = params.token;
    const settings = { connectDeadlineMs: limits.startTimeoutMs };
    observer = await SwarmClient.connect({
      seeds: [parsePeerAddress(params.seed)],
      token,
      settings,
    });
  },

  /** The members as the swarm knows them. */
  members: async (): Promise<readonly Member[]> => {
    return (await swarm().status({ deadlineMs: limits.operationDeadlineMs })).members;
  },

  /** Name of the node that leads; empty when nobody is known to. */
  leader: async (): Promise<string> => {
    const deadlineMs = limits.leaderTimeoutMs;
    const status = await swarm()
      .status({ deadlineMs })
      .catch(() => undefined);
    const leading = status?.members.find(({ nodeId }) => nodeId === status.leader);
    return leading === undefined ? '' : nameOf(leading.peerId);
  },

  /** The first text that a node turns into a vector loads its model; that is no part of the load. */
  warm: async ({ peerId: only }: { readonly peerId: string }) => {
    await swarm().search({ text: 'warm', limit: 1 }, { only, deadlineMs: limits.startTimeoutMs });
  },

  start: async (params: StartParams) => {
    names = params.names;
    const clients = await Promise.all(
      Array.from({ length: params.clients }, () => SwarmClient.connect({ seeds: seeds(), token })),
    );
    loops = clients.map((client, number) => loop(client, number, params.seed));
  },

  /** What was recorded since this was last asked. */
  drain: (): ClientOperation[] => {
    const operations = recorded;
    recorded = [];
    return operations;
  },

  /** Has one node serve a write and a read; `client` is a number that no loop has. */
  probe: async (params: {
    readonly peerId: string;
    readonly client: number;
    readonly content: string;
    readonly deadlineMs: number;
  }): Promise<string> => {
    const { client, content, deadlineMs, peerId: only } = params;
    const id = sharedIds[0]!;
    for (const request of [
      { kind: 'insert', id, content } as const,
      { kind: 'get', id } as const,
    ]) {
      const { outcome, error } = await perform(swarm(), client, request, { only }, deadlineMs);
      if (outcome !== 'ok') return error;
    }
    return '';
  },

  /** Lets every client finish its request. */
  stop: async () => {
    stopping.abort();
    await Promise.all(loops);
  },

  /** Reads each shared id from one node as a client does, and records it; ends when it fails. */
  readShared: async (params: { readonly peerId: string; readonly client: number }) => {
    for (const id of sharedIds) {
      const route = { only: params.peerId };
      const read = await perform(swarm(), params.client, { kind: 'get', id }, route);
      if (read.outcome !== 'ok') return;
    }
  },

  /** What a node has in its own store, once it has applied the log up to `index`, or in time. */
  observe: async (params: {
    readonly peerId: string;
    readonly index: number;
    readonly ids: readonly string[];
  }): Promise<Observation> => {
    const { peerId: only, index, ids } = params;
    const untilMs = performance.now() + limits.catchUpTimeoutMs;
    let lag = '';
    for (;;) {
      const { appliedIndex } = await swarm().counts({ only });
      lag = appliedIndex < index ? `applied the log up to ${appliedIndex}, not up to ${index}` : '';
      if (lag === '' || performance.now() > untilMs) break;
      await sleep(limits.pollMs);
    }
    const contents: Record<string, string | null> = {};
    await forEach(ids, async (id) => {
      const { memory } = await swarm().get(id, { only, consistency: 'local' });
      contents[id] = memory?.content ?? null;
    });
    const { counts } = await swarm().counts({ only });
    return { lag, memories: counts.memories, contents };
  },
});

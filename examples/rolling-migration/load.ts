/**
 * The load process: closed-loop clients that use the swarm through `SwarmClient`, as any program
 * would. It records every request and sends the record to the demo, which judges it.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';

import { SwarmClient } from '../../src/client/index.js';
import type { Operation } from './history.js';
import { limits } from './limits.js';
import type { LoadCommand, LoadMessage } from './load-protocol.js';
import type { Request } from './workload.js';
import { ClientScript } from './workload.js';

type Start = Extract<LoadCommand, { type: 'start' }>;

/** Fields of an operation that its answer decides. */
type Result = Pick<Operation, 'content' | 'index' | 'servedBy' | 'error'>;

function now(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function send(message: LoadMessage): void {
  // Without the channel there is nobody left to load for: 'disconnect' ends the process.
  if (process.connected) process.send?.(message);
}

class Load {
  readonly #start: Start;
  readonly #client: SwarmClient;
  #pending: Operation[] = [];
  #stopping = false;

  constructor(start: Start, client: SwarmClient) {
    this.#start = start;
    this.#client = client;
  }

  async run(): Promise<void> {
    const flush = setInterval(() => this.#flush(), limits.flushMs);
    const delay = monitorEventLoopDelay({ resolution: limits.stallResolutionMs });
    delay.enable();
    send({ type: 'started', microseconds: now() });
    const clients = Array.from({ length: this.#start.clients }, (_each, at) => this.#loop(at));
    await Promise.all(clients);
    clearInterval(flush);
    const microseconds = now();
    this.#flush();
    delay.disable();
    send({ type: 'stopped', microseconds, stallMs: delay.max / 1e6 });
  }

  stop(): void {
    this.#stopping = true;
  }

  /** One client: the next request leaves when the last one was answered. */
  async #loop(client: number): Promise<void> {
    const { seed, sourceIds, prefix, mix } = this.#start;
    const script = new ClientScript(client, seed, sourceIds, prefix, mix);
    for (let turn = client; !this.#stopping; turn += 1) {
      const request = script.next();
      const callMicroseconds = now();
      const result = await this.#perform(request, turn);
      const returnMicroseconds = now();
      if (request.kind === 'insert' && result.error === null) script.acknowledged(request.id);
      this.#pending.push(record(client, request, callMicroseconds, returnMicroseconds, result));
      // An agent thinks between two requests; a failure that comes at once makes no storm either.
      const thinkMs = Math.max(
        this.#start.thinkMs * script.jitter(),
        result.error === null ? 0 : 20,
      );
      await new Promise((resolve) => setTimeout(resolve, thinkMs));
    }
  }

  async #perform(request: Request, turn: number): Promise<Result> {
    const members = this.#client.members;
    const through = members[turn % Math.max(1, members.length)]?.peerId;
    const route = through === undefined ? {} : { through };
    const nothing: Result = { content: null, index: null, servedBy: '', error: null };
    try {
      switch (request.kind) {
        case 'get': {
          const { memory, servedBy } = await this.#client.get(request.id, route);
          return { ...nothing, content: memory?.content ?? null, servedBy };
        }
        case 'insert': {
          const { id, content } = request;
          const metadata = { source: 'rolling-migration' };
          const { index, servedBy } = await this.#client.insert({ id, content, metadata }, route);
          return { ...nothing, content, index, servedBy };
        }
        case 'search': {
          const found = await this.#client.search({ text: request.text, limit: 5 }, route);
          // The swarm holds memories by now, so a search without a hit is a wrong answer.
          const error = found.hits.length === 0 ? 'the search found nothing' : null;
          return { ...nothing, servedBy: found.servedBy, error };
        }
        case 'addEdge': {
          const { index, servedBy } = await this.#client.addEdge(request, route);
          return { ...nothing, index, servedBy };
        }
      }
    } catch (error) {
      const content = request.kind === 'insert' ? request.content : null;
      const message = error instanceof Error ? error.message : String(error);
      return { ...nothing, content, error: message };
    }
  }

  #flush(): void {
    const operations = this.#pending;
    this.#pending = [];
    for (let at = 0; at < operations.length; at += limits.operationsPerMessageMax) {
      const part = operations.slice(at, at + limits.operationsPerMessageMax);
      send({ type: 'operations', operations: part });
    }
  }
}

function record(
  client: number,
  request: Request,
  callMicroseconds: number,
  returnMicroseconds: number,
  result: Result,
): Operation {
  const { kind } = request;
  const id = kind === 'search' ? request.text : kind === 'addEdge' ? request.from : request.id;
  const edge =
    kind === 'addEdge'
      ? { to: request.to, relation: request.relation, weight: request.weight }
      : null;
  return { client, kind, id, edge, callMicroseconds, returnMicroseconds, ...result };
}

let load: Load | undefined;

async function start(command: Start): Promise<void> {
  const { seeds, token } = command;
  const client = await SwarmClient.connect({ seeds, token });
  load = new Load(command, client);
  await load.run();
  await client.close();
  process.disconnect();
}

process.on('message', (message) => {
  const command = message as LoadCommand;
  switch (command.type) {
    case 'start':
      start(command).catch((error: unknown) => {
        send({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
        process.exitCode = 1;
        process.disconnect();
      });
      break;
    case 'mark':
      send({ type: 'marked', name: command.name, microseconds: now() });
      break;
    case 'stop':
      load?.stop();
      break;
  }
});
// Ctrl-C reaches the whole group; the demo decides when the load ends.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());

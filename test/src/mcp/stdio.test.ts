/** The server as a process: what it writes, how it ends, and how it shares a store. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../../src/memory/index.js';
import { catalogueOf } from '../../../src/mcp/index.js';
import { connect, json, MAIN, temporaryProject } from './support.js';

interface Message {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A server and every byte that it wrote to standard output. */
class RawServer {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  #output = '';
  #changed: () => void = () => undefined;

  constructor(directory: string, ...more: readonly string[]) {
    const args = [MAIN, 'mcp', 'start', '--data', directory, ...more];
    this.process = spawn(process.execPath, args);
    this.process.stdout.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString('utf8');
      this.#changed();
    });
    this.process.stderr.resume();
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        this.#changed();
        resolve({ code, signal });
      });
    });
    this.send(1, 'initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
    });
    this.notify('notifications/initialized');
  }

  send(id: number, method: string, params: object = {}): void {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
  }

  call(id: number, name: string, args: object = {}): void {
    this.send(id, 'tools/call', { name, arguments: args });
  }

  notify(method: string, params: object = {}): void {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', method, params })}\n`);
  }

  write(text: string): void {
    this.process.stdin.write(text);
  }

  /** Each line must be a message of the protocol. */
  messages(): Message[] {
    const lines = this.#output.split('\n');
    expect(lines.pop(), 'the last line has an end').toBe('');
    return lines.map((line) => {
      const message = JSON.parse(line) as Message & { jsonrpc: unknown };
      expect(message.jsonrpc).toBe('2.0');
      return message;
    });
  }

  async answer(id: number): Promise<Message> {
    for (;;) {
      const complete = this.#output.slice(0, this.#output.lastIndexOf('\n') + 1);
      const line = complete.split('\n').find((one) => one.includes(`"id":${id}`));
      if (line !== undefined) return JSON.parse(line) as Message;
      if (this.process.exitCode !== null) throw new Error(`it ended without the answer ${id}`);
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }
}

const projects: (() => void)[] = [];
const servers: RawServer[] = [];

function project(): string {
  const { directory, remove } = temporaryProject();
  projects.push(remove);
  return directory;
}

function start(directory: string, ...more: readonly string[]): RawServer {
  const server = new RawServer(directory, ...more);
  servers.push(server);
  return server;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.process.kill('SIGKILL');
    await server.ended;
  }
  for (const remove of projects.splice(0)) remove();
});

describe('standard output', () => {
  it('carries nothing but the protocol, whatever is called with whatever', async () => {
    const server = start(project());
    let id = 10;
    const names = [...catalogueOf().offered.keys(), 'agent_spawn', '__proto__', ''];
    for (const name of names) {
      for (const args of [{}, { action: 'nonsense', k: -1, text: 5, items: {}, filters: [] }]) {
        server.call((id += 1), name, args);
        await server.answer(id);
      }
    }
    // This one loads the model, which tells how far it is.
    server.call((id += 1), 'agentdb_insert', { text: 'with a vector' });
    expect((await server.answer(id)).result).not.toHaveProperty('isError');
    for (const nonsense of ['no JSON\n', '[]\n', '{"jsonrpc":"1.0"}\n', '\u0000\n', '{}\n']) {
      server.write(nonsense);
    }
    server.send((id += 1), 'nothing/like-this');
    expect((await server.answer(id)).error?.code).toBe(-32601);
    server.process.stdin.end();
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.messages().length).toBeGreaterThanOrEqual(names.length * 2);
  });
});

describe('a call', () => {
  it('of a tool that is not offered says why', async () => {
    const server = start(project());
    server.call(2, 'agent_spawn', { type: 'coder' });
    const { error } = await server.answer(2);
    expect(error).toMatchObject({ code: -32602 });
    expect(error?.message).toContain('not yet offered: it runs agents');
  });

  it('of another package is unknown when that is left out', async () => {
    const server = start(project(), '--tools', 'agentdb');
    server.send(2, 'tools/list');
    const tools = (await server.answer(2)).result?.['tools'] as { name: string }[];
    expect(tools).toHaveLength(29);
    server.call(3, 'memory_usage', { action: 'list' });
    expect((await server.answer(3)).error?.message).toContain('there is no tool');
  });

  it('runs beside others, and each gets its own answer', async () => {
    const server = start(project());
    const ids = Array.from({ length: 40 }, (_, at) => 100 + at);
    for (const id of ids) {
      const value = `value ${id}`;
      server.call(id, 'memory_usage', { action: 'store', key: `key-${id}`, value, namespace: 'n' });
    }
    for (const id of ids) expect((await server.answer(id)).result).not.toHaveProperty('isError');
    for (const id of ids) {
      server.call(id + 100, 'memory_usage', {
        action: 'retrieve',
        key: `key-${id}`,
        namespace: 'n',
      });
    }
    for (const id of ids) {
      const result = (await server.answer(id + 100)).result as { content: { text: string }[] };
      expect(json(result.content[0]!.text)).toMatchObject({ value: `value ${id}` });
    }
  });

  it('is answered when standard input ends right behind it', async () => {
    const server = start(project());
    const ids = [2, 3, 4];
    for (const id of ids) server.call(id, 'agentdb_insert', { text: `text ${id}` });
    server.process.stdin.end();
    expect(await server.ended).toEqual({ code: 0, signal: null });
    const answered = server.messages().filter(({ result }) => result?.['content'] !== undefined);
    expect(answered.map(({ id }) => id).sort()).toEqual(ids);
  });

  it('gets numbers of its own for its rows', async () => {
    const server = start(project());
    const ids = Array.from({ length: 12 }, (_, at) => 100 + at);
    for (const id of ids) {
      server.call(id, 'causal_add_edge', { cause: `c${id}`, effect: 'e', uplift: 0.1 });
    }
    const numbers = new Set<string>();
    for (const id of ids) {
      const result = (await server.answer(id)).result as { content: { text: string }[] };
      numbers.add(/#(\d+)/.exec(result.content[0]!.text)?.[1] ?? '');
    }
    expect([...numbers].map(Number).sort((a, b) => a - b)).toEqual(ids.map((id) => id - 99));
  });

  it('ends when it is cancelled', async () => {
    const server = start(project());
    const session = { user_id: 'u', session_type: 'dqn' };
    server.call(2, 'learning_start_session', {
      ...session,
      config: { learning_rate: 0.1, discount_factor: 0.9, target_update_frequency: 1 },
    });
    const started = (await server.answer(2)).result as { content: { text: string }[] };
    const session_id = /Session ID: (\S+)/.exec(started.content[0]!.text)![1];
    const items = Array.from({ length: 50 }, (_, at) => at);
    for (const at of items) {
      server.call(100 + at, 'learning_feedback', {
        session_id,
        state: `state ${at}`,
        action: 'act',
        reward: 1,
        next_state: `state ${at + 1}`,
        success: true,
      });
    }
    for (const at of items) await server.answer(100 + at);
    // The target is copied after each of 50,000 steps: minutes, if nobody stops it.
    server.call(3, 'learning_train', { session_id, epochs: 1000 });
    server.notify('notifications/cancelled', { requestId: 3, reason: 'enough' });
    server.call(4, 'learning_end_session', { session_id });
    expect((await server.answer(4)).result).not.toHaveProperty('isError');
    expect(server.messages().some(({ id }) => id === 3)).toBe(false);
  });
});

describe('the end', () => {
  it('of standard input closes the store, with what was written', async () => {
    const directory = project();
    const server = start(directory);
    server.call(2, 'workflow_template', { action: 'create', template: { name: 't' } });
    await server.answer(2);
    server.process.stdin.end();
    expect(await server.ended).toEqual({ code: 0, signal: null });
    const path = join(directory, '.agentic-flow/memory.v2.db');
    expect(existsSync(`${path}-wal`)).toBe(false);
    const store = await openMemoryStore(path, { create: false, embedder: null });
    const { records } = await store.list({ namespace: 'claude-flow/workflow_templates' });
    expect(records).toMatchObject([{ metadata: { name: 't' } }]);
    await store.close();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('comes with %s', async (signal) => {
    const directory = project();
    const server = start(directory);
    server.call(2, 'workflow_template', { action: 'list' });
    await server.answer(2);
    server.process.kill(signal);
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(join(directory, '.agentic-flow/memory.v2.db-wal'))).toBe(false);
  });

  it('comes when a message is too long', async () => {
    const server = start(project());
    await server.answer(1);
    server.process.stdin.on('error', () => undefined);
    server.write(`{"jsonrpc":"2.0","id":2,"method":"x","params":"${'x'.repeat(11_000_000)}`);
    expect((await server.ended).code).toBe(0);
  });
});

describe('the store', () => {
  it('is shared by two servers, one after the other', async () => {
    const directory = project();
    const [one, other] = await Promise.all([connect(directory), connect(directory)]);
    const calls = [0, 1, 2, 3].map((at) =>
      (at % 2 === 0 ? one : other).call('memory_usage', {
        action: 'store',
        key: `k${at}`,
        value: 'v',
      }),
    );
    for (const { isError, text } of await Promise.all(calls)) expect(isError, text).toBe(false);
    const listed = await one.call('memory_usage', { action: 'list' });
    expect(json(listed.text)).toMatchObject({ count: 4 });
    await Promise.all([one.close(), other.close()]);
  });

  it('is not made in a folder that is not there', async () => {
    const server = start(join(project(), 'mistyped'));
    expect(await server.ended).toEqual({ code: 1, signal: null });
  });

  it('is not made beside memories of v1 that wait for their migration', async () => {
    const directory = project();
    mkdirSync(join(directory, '.swarm'));
    writeFileSync(join(directory, '.swarm/memory.db'), '');
    const server = await connect(directory);
    const { isError, text } = await server.call('db_stats');
    expect(isError).toBe(true);
    expect(text).toContain('agentic-flow migrate v2');
    expect(existsSync(join(directory, '.agentic-flow'))).toBe(false);
    await server.close();
  });

  it('that is damaged is a clear error', async () => {
    const directory = project();
    mkdirSync(join(directory, '.agentic-flow'));
    writeFileSync(join(directory, '.agentic-flow/memory.v2.db'), 'no database at all');
    const server = await connect(directory);
    const { isError, text } = await server.call('db_stats');
    expect(isError).toBe(true);
    expect(text).toContain('memory.v2.db');
    await server.close();
  });
});

/** The server over HTTP: who is let in, what pages may do, and a store that others have. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Embedder } from '../../../src/memory/engine.js';
import { type MemoryStore, openMemoryStore } from '../../../src/memory/index.js';
import { type HttpService, serveOnHttp } from '../../../src/mcp/index.js';
import { temporaryProject } from './support.js';

const { directory, remove } = temporaryProject();
const TOKEN = 'a-token-of-the-test-1';
/** Says nothing of meaning: no test here searches. */
const embedder: Embedder = {
  model: 'test',
  dimensions: 4,
  embed: async (texts) => texts.map(() => Float32Array.of(1, 0, 0, 0)),
  close: async () => undefined,
};
let service: HttpService;

beforeAll(async () => {
  service = await serveOnHttp({
    directory,
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    origins: ['https://app.example'],
    embedder,
    lockWaitMs: 200,
    idleMs: 50,
  });
});

afterAll(async () => {
  await service.close();
  remove();
});

const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

async function post(
  headers: Record<string, string>,
  { url = service.url, body = PING }: { url?: string; body?: string } = {},
): Promise<number> {
  const own = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const response = await fetch(url, { method: 'POST', headers: { ...own, ...headers }, body });
  await response.text();
  return response.status;
}

/** The store of the project, as soon as the server has let go of it. */
async function opened(): Promise<MemoryStore> {
  mkdirSync(join(directory, '.agentic-flow'), { recursive: true });
  const path = join(directory, '.agentic-flow/memory.v2.db');
  return vi.waitFor(() => openMemoryStore(path, { embedder: null }), { timeout: 180_000 });
}

const known = { authorization: `Bearer ${TOKEN}` };

describe('a request', () => {
  it('needs the token', async () => {
    expect(await post(known)).toBe(200);
    expect(await post({})).toBe(401);
    expect(await post({ authorization: `Bearer ${TOKEN}x` })).toBe(401);
    expect(await post({ authorization: TOKEN })).toBe(401);
    expect(await post({ authorization: `Basic ${TOKEN}` })).toBe(401);
  });

  it('of a page needs an origin that is known', async () => {
    expect(await post({ ...known, origin: 'https://evil.example' })).toBe(403);
    expect(await post({ ...known, origin: 'null' })).toBe(403);
    expect(await post({ ...known, origin: 'http://localhost.evil.example' })).toBe(403);
    expect(await post({ ...known, origin: 'https://app.example' })).toBe(200);
    expect(await post({ ...known, origin: 'http://localhost:3000' })).toBe(200);
  });

  it('is bounded, and of one path', async () => {
    const long = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'ping',
      params: { a: 'x'.repeat(10_000_000) },
    });
    expect(await post(known, { body: long })).toBe(413);
    expect(await post(known, { url: service.url.replace('/mcp', '/') })).toBe(404);
    expect(await post(known, { body: 'no JSON' })).toBe(400);
  });
});

describe('a client', () => {
  async function connected(): Promise<Client> {
    const client = new Client({ name: 'test', version: '1' });
    const requestInit = { headers: known };
    await client.connect(new StreamableHTTPClientTransport(new URL(service.url), { requestInit }));
    return client;
  }

  it('lists and calls tools', async () => {
    const client = await connected();
    expect((await client.listTools()).tools).toHaveLength(51);
    const stored = { action: 'store', key: 'k', value: 'v' };
    await client.callTool({ name: 'memory_usage', arguments: stored });
    const got = await client.callTool({
      name: 'memory_usage',
      arguments: { action: 'retrieve', key: 'k' },
    });
    expect(JSON.stringify(got.content)).toContain('\\"value\\": \\"v\\"');
    await client.close();
  });

  it('is told who has the store', async () => {
    const client = await connected();
    const store = await opened();
    const { isError, content } = await client.callTool({ name: 'db_stats', arguments: {} });
    expect(isError).toBe(true);
    expect(JSON.stringify(content)).toContain('is opened by');
    await store.close();
    const after = await client.callTool({ name: 'db_stats', arguments: {} });
    expect(after.isError).not.toBe(true);
    await client.close();
  });
});

describe('an address', () => {
  it('that others reach needs a token, and a token has a length', async () => {
    const open = { directory, port: 0, embedder };
    await expect(serveOnHttp({ ...open, host: '0.0.0.0', token: null })).rejects.toThrow(
      'a token is needed',
    );
    await expect(serveOnHttp({ ...open, host: '127.0.0.1', token: '' })).rejects.toThrow(
      'at least 16',
    );
    await expect(serveOnHttp({ ...open, host: '192.0.2.1' })).rejects.toThrow('EADDRNOTAVAIL');
  });
});

describe('a key', () => {
  it('that a pattern has is left alone', async () => {
    const store = await opened();
    const metadata = { type: 'reasoning_memory', title: 't' };
    await store.put({ id: 'p1', content: 'a pattern', metadata });
    await store.close();
    const client = new Client({ name: 'test', version: '1' });
    const requestInit = { headers: known };
    await client.connect(new StreamableHTTPClientTransport(new URL(service.url), { requestInit }));
    for (const action of ['store', 'delete']) {
      const args = { action, key: 'p1', value: 'x' };
      const { isError, content } = await client.callTool({ name: 'memory_usage', arguments: args });
      expect(isError).toBe(true);
      expect(JSON.stringify(content)).toContain('is a pattern of the ReasoningBank');
    }
    const listed = { action: 'list' };
    const list = await client.callTool({ name: 'memory_usage', arguments: listed });
    expect(JSON.stringify(list.content)).not.toContain('p1');
    const args = { action: 'retrieve', key: 'p1' };
    const { content } = await client.callTool({ name: 'memory_usage', arguments: args });
    expect(JSON.stringify(content)).toContain('a pattern');
    await client.close();
  });
});

import { createHash } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIdentity } from '../../transport/identity/index.js';
import { openQuicheEngine, type Engine } from '../../transport/quic/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import { serveWebSocket } from '../../transport/websocket/index.js';
import { serveWebTransport } from '../../transport/webtransport/index.js';
import { startChromium } from './chromium.js';
import { play, type Seen } from './node-side.js';
import { servePages } from './page-server.js';
import type { PageOptions } from './page.js';

const MB = 1024 * 1024;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const seen: Seen = {
  codes: new Map(),
  closes: [],
  answers: [],
  downHash: '',
  downBeforeBytes: 0,
};
const closing: (() => unknown)[] = [];
let page: Page;
let foreignPage: Page;
let webTransport: (part: string) => PageOptions;
let webSocket: (part: string) => PageOptions;
let callNode: () => Promise<unknown>;

/** Calls a function of `page.ts` in a page. As text, since vitest rewrites imports in functions. */
async function inPage(where: Page, name: string, options: PageOptions): Promise<unknown> {
  return await where.evaluate(
    `import('/test/browser/page.js').then((module) => module.${name}(${JSON.stringify(options)}))`,
  );
}

beforeAll(async () => {
  // A node: calls between peers on the port that the page uses too.
  let engine: Engine | undefined;
  const node = await listenRpc({
    identity: createIdentity(),
    host: '127.0.0.1',
    port: 0,
    handlers: { echo: (payload) => payload },
    openEngine: async (options) => {
      engine = await openQuicheEngine(options);
      return engine;
    },
  });
  closing.push(() => node.close(0));
  const peer = await listenRpc({
    identity: createIdentity(),
    host: '127.0.0.1',
    port: 0,
    handlers: {},
  });
  closing.push(() => peer.close(0));
  const { host, port, peerId } = node;
  const connection = await peer.connect({ host, port, peerId }, { timeoutMs: 10_000 });
  callNode = () => connection.call('echo', 'still here', { timeoutMs: 10_000 });

  const pages = await servePages();
  closing.push(() => pages.server.close());
  const origin = `http://127.0.0.1:${pages.port}`;
  const rules = {
    path: '/session',
    allowedOrigins: [origin],
    onSession: (
      ...[session, request]: Parameters<Parameters<typeof serveWebSocket>[1]['onSession']>
    ) => play(session, request, seen),
  };
  const served = serveWebTransport(engine as unknown as Engine, rules);
  closing.push(() => served.stop());
  const gateway = serveWebSocket(pages.server, rules);
  closing.push(() => gateway.close());
  webTransport = (part) => ({
    webTransportUrl: `https://127.0.0.1:${port}/session?${part}`,
    hashes: served.certificateHashes.map((hash) => [...hash]),
  });
  webSocket = (part) => ({ webSocketUrl: `ws://127.0.0.1:${pages.port}/session?${part}` });

  const browser = await startChromium();
  closing.push(() => browser.close());
  page = await browser.context.newPage();
  await page.goto(origin);
  foreignPage = await browser.context.newPage();
  await foreignPage.goto(`http://localhost:${pages.port}`);
});

afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe.each([
  ['WebTransport', 'webtransport', (part: string) => webTransport(part)],
  ['WebSocket', 'websocket', (part: string) => webSocket(part)],
] as const)('a page in Chromium, over %s', (_name, over, options) => {
  it('opens streams of both types, and so does the node, on the port of its calls', async () => {
    expect(await inPage(page, 'streams', options('streams'))).toEqual({
      over,
      echoed: 'from the page',
      digest: sha256('news of the page'),
      question: 'question of the node',
      said: 'news of the node',
    });
    expect(seen.answers.pop()).toBe('answer of the page');
    expect(await callNode()).toBe('still here');
  });

  it('exchanges datagrams', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `datagram ${index}`).sort();
    const result = (await inPage(page, 'datagrams', options('datagrams'))) as { size: number };
    expect(result).toMatchObject({ seen: names });
    expect(result.size).toBeGreaterThan(1_000);
  });

  it('sends and receives 8 MB, and each side waits while the other does not read', async () => {
    const [result] = await Promise.all([inPage(page, 'bulk', options('bulk')), callNode()]);
    const { beforeBytes, upHash, upHashHere, downHash, downBytes } = result as {
      beforeBytes: number;
      upHash: string;
      upHashHere: string;
      downHash: string;
      downBytes: number;
    };
    expect(beforeBytes).toBeLessThan(4 * MB);
    expect(upHash).toBe(upHashHere);
    expect(downBytes).toBe(8 * MB);
    expect(downHash).toBe(seen.downHash);
    expect(seen.downBeforeBytes).toBeGreaterThan(0);
    expect(seen.downBeforeBytes).toBeLessThan(6 * MB);
  });

  it('opens 300 streams at once, and so does the node', async () => {
    expect(await inPage(page, 'many', options('many'))).toEqual({ seen: 300, count: '300' });
  });

  it('is told the codes of streams, and tells its own', async () => {
    seen.codes.clear();
    expect(await inPage(page, 'codes', options('codes'))).toEqual({
      abortedByNode: { name: 'WebTransportError', source: 'stream', streamErrorCode: 44 },
      cancelledByNode: { name: 'WebTransportError', source: 'stream', streamErrorCode: 45 },
    });
    expect(Object.fromEntries(seen.codes)).toEqual({
      aborted: { code: 'stream-reset', streamErrorCode: 42 },
      cancelled: { code: 'stream-stopped', streamErrorCode: 43 },
    });
  });

  it('closes the session with a code and a reason, and so does the node', async () => {
    seen.closes.length = 0;
    expect(await inPage(page, 'closedByNode', options('close'))).toEqual({
      closeCode: 3_000_000_000,
      reason: 'the node is done',
    });
    await inPage(page, 'closedByPage', options('nothing'));
    await expect
      .poll(() => seen.closes)
      .toContainEqual({ closeCode: 4_000_000_000, reason: 'the page is done' });
  });

  it('is refused when it comes from another origin', async () => {
    expect(await inPage(foreignPage, 'tryToOpen', options('nothing'))).toMatch(/^refused/);
    expect(await inPage(page, 'tryToOpen', options('nothing'))).toBe(over);
  });

  it('is refused on another path', async () => {
    const text = JSON.stringify(options('nothing')).replace('/session', '/other');
    expect(await inPage(page, 'tryToOpen', JSON.parse(text) as PageOptions)).toMatch(/^refused/);
  });
});

describe('a page that names another certificate', () => {
  const withWrongHash = (): PageOptions => ({
    ...webTransport('nothing'),
    hashes: [Array.from({ length: 32 }, () => 7)],
  });

  it('is refused by its browser', async () => {
    expect(await inPage(page, 'tryToOpen', withWrongHash())).toMatch(/^refused/);
  });

  it('takes the WebSocket when it is offered one', async () => {
    const both = { ...withWrongHash(), ...webSocket('nothing') };
    expect(await inPage(page, 'tryToOpen', both)).toBe('websocket');
  });
});

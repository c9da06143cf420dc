/** Shared documents in a page of a real browser, with a peer outside of it. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { authorOf, authorOfClient } from '../../src/documents/index.js';
import { gatewayAt } from '../../src/documents/page/index.js';
import { Gateway, Way } from '../nodes/pages/support.js';
import { until } from '../waiting.js';
import { startChromium } from './chromium.js';
import type { PageGateway } from './documents-page.js';
import { servePages } from './page-server.js';

const closing: (() => unknown)[] = [];
let page: Page;
let origin: string;

/** Calls a function of `documents-page.ts` in the page. As text, since vitest rewrites imports. */
async function inPage(name: string, argument?: unknown): Promise<unknown> {
  const given = argument === undefined ? '' : JSON.stringify(argument);
  return page.evaluate(
    `import('/test/browser/documents-page.js').then((module) => module.${name}(${given}))`,
  );
}

beforeAll(async () => {
  const pages = await servePages();
  closing.push(() => pages.server.close());
  origin = `http://127.0.0.1:${pages.port}`;
  const browser = await startChromium();
  closing.push(() => browser.close());
  page = await browser.context.newPage();
});

afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Urls = Awaited<ReturnType<typeof gatewayAt>>;
const WAYS: readonly (readonly [string, string, (urls: Urls, url: string) => PageGateway])[] = [
  [
    'WebTransport',
    'webtransport',
    ({ webTransportUrl = '', serverCertificateHashes = [] }) => {
      return { webTransportUrl, hashes: serverCertificateHashes.map((hash) => [...hash]) };
    },
  ],
  ['WebSocket', 'websocket', ({ webSocketUrl = '' }) => ({ webSocketUrl })],
  ['what the gateway says', 'webtransport', (_urls, url) => ({ url })],
];

describe.each(WAYS)('a page in Chromium, over %s', (_name, over, gatewayOf) => {
  it('edits a document with others, sees who is there, and loses nothing when it is cut off', async () => {
    const gateway = await Gateway.open();
    const outside = await gateway.page(new Way('websocket'));
    const there = await outside.open('plan');
    await page.goto(origin);
    const urls = await gatewayAt(gateway.url);
    const begun = await inPage('begin', gatewayOf(urls, gateway.url));
    const { ways, peerId, clientId } = begun as {
      ways: string[];
      peerId: string;
      clientId: number;
    };
    expect(ways).toEqual([over]);
    expect(authorOfClient(clientId)).toBe(authorOf(peerId));
    there.awareness.setLocalStateField('name', 'outside');
    await inPage('type', 'from the page; ');
    await until(() => there.text().toString() === 'from the page; ');
    await until(() => there.awareness.getStates().get(clientId)?.['name'] === 'a page');
    there.text().insert(0, 'from outside; ');
    await until('the page has it, and sees the peer', async () => {
      const { text, names } = (await inPage('read')) as { text: string; names: string[] };
      return text === 'from outside; from the page; ' && names.includes('outside');
    });
    expect(await inPage('typeWhileCut', 'while cut off; ')).toBe(1);
    const all = 'while cut off; from outside; from the page; ';
    await until(() => there.text().toString() === all);
    await inPage('end');
    await until(() => !there.awareness.getStates().has(clientId));
  });
});

describe('a page of another site', () => {
  it('is refused, and one of the site that may come is not', async () => {
    const gateway = await Gateway.open({ origins: [origin] });
    const port = new URL(origin).port;
    await page.goto(`http://localhost:${port}`);
    const answer = `fetch('${gateway.url}/documents').then((answer) => answer.status, () => 'refused')`;
    expect(await page.evaluate(answer)).toBe('refused');
    await page.goto(origin);
    expect(await page.evaluate(answer)).toBe(200);
    expect(await inPage('begin', { url: gateway.url })).toMatchObject({ ways: ['webtransport'] });
    await inPage('end');
  });
});

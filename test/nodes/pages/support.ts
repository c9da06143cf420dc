/** A node's gateway for pages without a swarm around it, and pages that reach it as browsers do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { WebSocket } from 'ws';

import { NodeDocuments } from '../../../nodes/documents/node-documents.js';
import { NodePages, type PagesOptions } from '../../../nodes/pages/node-pages.js';
import { Access, hashToken } from '../../../nodes/service/access.js';
import {
  PageDocuments,
  createPageKeys,
  pageIdentity,
  type PageIdentity,
  type PageOptions,
} from '../../../src/documents/page/index.js';
import type { OpenOptions } from '../../../transport/websocket/browser.js';
import { openWebSocketSession } from '../../../transport/websocket/index.js';
import { connectWebTransport } from '../../../transport/webtransport/index.js';
import type { Session } from '../../../transport/webtransport/index.js';
import { openEngine } from '../../transport/quic/engines.js';

const NODE_PEER_ID = 'node-1';
const root = mkdtempSync(join(tmpdir(), 'agentic-flow-test-'));
const closing: (() => Promise<unknown> | void)[] = [];
let folders = 0;
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
  rmSync(root, { recursive: true, force: true });
});

const TOKENS = {
  client: hashToken('client'),
  join: hashToken('join'),
  operator: hashToken('operator'),
};

export type Over = 'webtransport' | 'websocket';

/** Opens sessions of one kind as pages do, and ends them at will. */
export class Way {
  readonly sessions: Session[] = [];

  constructor(readonly over: Over) {}

  readonly open = async (gateway: OpenOptions): Promise<Session> => {
    const session = await this.#open(gateway);
    this.sessions.push(session);
    return session;
  };

  /** As a network that is gone: the sessions of now end, without a word of the page. */
  cut(): void {
    for (const session of this.sessions.splice(0)) session.close();
  }

  async #open({
    webSocketUrl = '',
    webTransportUrl = '',
    serverCertificateHashes = [],
  }: OpenOptions): Promise<Session> {
    if (this.over === 'websocket') return openWebSocketSession(webSocketUrl, WebSocket as never);
    const { hostname, port, pathname } = new URL(webTransportUrl);
    const engine = await openEngine({
      protocols: ['h3'],
      signatureAlgorithms: ['ecdsa_secp256r1_sha256'],
    });
    return connectWebTransport(engine, {
      host: hostname,
      port: Number(port),
      path: pathname,
      serverCertificateHashes,
      timeoutMs: 60_000,
    });
  }
}

export class Gateway {
  private constructor(
    readonly documents: NodeDocuments,
    readonly pages: NodePages,
  ) {}

  static async open(options: Partial<PagesOptions> = {}, sendMs = 60_000): Promise<Gateway> {
    folders += 1;
    const log = (line: string): void => console.log(line);
    const documents = await NodeDocuments.open(join(root, `${folders}`), log);
    const access = new Access(
      (peerId) => peerId === NODE_PEER_ID,
      () => TOKENS,
    );
    const engine = await openEngine();
    const pages = await NodePages.open(
      engine,
      { listen: { host: '127.0.0.1', port: 0 }, ...options },
      {
        access,
        nodePeerId: NODE_PEER_ID,
        serve: (messages, speaker) => documents.serve(messages, speaker, access),
        sendMs,
      },
    );
    closing.push(
      () => documents.close(),
      () => pages.close(),
    );
    return new Gateway(documents, pages);
  }

  get url(): string {
    return `http://127.0.0.1:${this.pages.port}`;
  }

  async page(way: Way, options: Partial<PageOptions> = {}): Promise<PageDocuments> {
    return pageOf({
      gateways: [this.url],
      token: 'client',
      identity: await someone(),
      openSession: way.open,
      ...options,
    });
  }
}

/** A page that is closed after the tests. */
export function pageOf(options: PageOptions): PageDocuments {
  const page = new PageDocuments({ retryMs: 10, ...options });
  closing.push(() => page.close());
  return page;
}

export async function someone(): Promise<PageIdentity> {
  return pageIdentity(await createPageKeys());
}

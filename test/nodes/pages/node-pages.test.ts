/** Pages at the gateway of a node, over both kinds of sessions, as honest and as hostile ones. */
import { connect as connectTcp } from 'node:net';
import { describe, expect, it } from 'vitest';

import { NodePages } from '../../../nodes/pages/node-pages.js';
import { authorOf, authorOfClient } from '../../../src/documents/index.js';
import { FrameReader } from '../../../src/documents/page/frames.js';
import { PageSession } from '../../../src/documents/page/page-session.js';
import { proofBytes } from '../../../src/documents/page/proof.js';
import {
  type NodeFrame,
  type PageFrame,
  decodeNodeFrame,
  encodePageFrame,
} from '../../../src/documents/page/wire.js';
import { gatewayAt } from '../../../src/documents/page/index.js';
import type { BidirectionalStream, Session } from '../../../transport/webtransport/index.js';
import { openEngine } from '../../transport/quic/engines.js';
import { until } from '../../waiting.js';
import { Gateway, Way, someone } from './support.js';

const empty = Uint8Array.of(0);

/** A stream on which a page says what it wants, and all that it is answered. */
class Raw {
  readonly answers: NodeFrame[] = [];
  readonly ended: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor({ readable, writable }: BidirectionalStream) {
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => undefined);
    this.ended = this.#read(new FrameReader(readable, { frameBytesMax: 2 ** 25 }));
    this.ended.catch(() => undefined);
  }

  static async on(session: Session): Promise<Raw> {
    return new Raw(await session.createBidirectionalStream());
  }

  async say(...frames: readonly (PageFrame | Uint8Array)[]): Promise<void> {
    for (const frame of frames) {
      await this.#writer.write(frame instanceof Uint8Array ? frame : encodePageFrame(frame));
    }
  }

  async finish(): Promise<void> {
    await this.#writer.close();
  }

  heard<K extends NodeFrame[0]>(
    kind: K,
  ): Extract<NodeFrame, readonly [K, ...unknown[]]> | undefined {
    const found = this.answers.find((answer) => answer[0] === kind);
    return found as Extract<NodeFrame, readonly [K, ...unknown[]]> | undefined;
  }

  async #read(reader: FrameReader): Promise<void> {
    for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
      this.answers.push(decodeNodeFrame(frame));
    }
  }
}

describe.each(['websocket', 'webtransport'] as const)('pages over %s', (over) => {
  const connect = async (gateway: Gateway): Promise<Session> =>
    new Way(over).open(await gatewayAt(gateway.url));
  const admitted = async (gateway: Gateway): Promise<Session> => {
    const session = await connect(gateway);
    await PageSession.open(session, 'client', await someone());
    return session;
  };

  it('see what the others type and who is here, under the id of their key', async () => {
    const gateway = await Gateway.open();
    const [ada, bob] = [await gateway.page(new Way(over)), await gateway.page(new Way(over))];
    const [hers, his] = [await ada.open('plan'), await bob.open('plan')];
    hers.text().insert(0, 'hello ');
    await hers.saved();
    await until(() => his.text().toString() === 'hello ');
    his.text().insert(6, 'world');
    hers.awareness.setLocalStateField('name', 'Ada');
    await until(() => his.awareness.getStates().get(hers.document.clientID)?.['name'] === 'Ada');
    await until(() => hers.text().toString() === 'hello world');
    expect(authorOfClient(hers.document.clientID)).toBe(authorOf(ada.peerId ?? ''));
    expect(ada.peerId).toMatch(/^[a-z2-7]{52}$/);
    await ada.close();
    await until(() => !his.awareness.getStates().has(hers.document.clientID));
  });

  it('edit while they are cut off, and lose nothing', async () => {
    const gateway = await Gateway.open();
    const way = new Way(over);
    const [page, other] = [await gateway.page(way), await gateway.page(new Way(over))];
    const [here, there] = [await page.open('plan'), await other.open('plan')];
    for (let round = 0; round < 5; round += 1) {
      way.cut();
      here.text().insert(0, `[here ${round}]`);
      there.text().insert(0, `[there ${round}]`);
      await Promise.all([here.saved(), there.saved()]);
    }
    await until(() => here.text().toString() === there.text().toString());
    for (let round = 0; round < 5; round += 1) {
      expect(here.text().toString()).toContain(`[here ${round}]`);
      expect(here.text().toString()).toContain(`[there ${round}]`);
    }
    expect(here.failure).toBeUndefined();
  });

  it('come with a document of megabytes in one piece', async () => {
    const gateway = await Gateway.open();
    const [page, other] = [await gateway.page(new Way(over)), await gateway.page(new Way(over))];
    const document = await page.open('long');
    const text = 'x'.repeat(3_000_000);
    document.text().insert(0, text);
    await document.saved();
    expect((await other.open('long')).text().toString()).toBe(text);
  });

  it('go to another gateway when theirs is gone', async () => {
    const [first, second] = [await Gateway.open(), await Gateway.open()];
    const way = new Way(over);
    const page = await first.page(way, { gateways: [first.url, second.url] });
    const document = await page.open('plan');
    document.text().insert(0, 'kept');
    await document.saved();
    first.pages.close();
    way.cut();
    const other = await second.page(new Way(over));
    const there = await other.open('plan');
    await until(() => there.text().toString() === 'kept');
  });

  it('are held to the rights of the document, which operators are not', async () => {
    const gateway = await Gateway.open();
    const identity = await someone();
    const [writer, reader, operator] = [
      await gateway.page(new Way(over), { identity }),
      await gateway.page(new Way(over)),
      await gateway.page(new Way(over), { token: 'operator' }),
    ];
    await writer.open('first');
    await setRights(gateway, 'plan', { readers: 'all', writers: [writer.peerId ?? ''] });
    const [theirs, read] = [await writer.open('plan'), await reader.open('plan')];
    expect([theirs.canWrite, read.canWrite]).toEqual([true, false]);
    theirs.text().insert(0, 'mine');
    await theirs.saved();
    await until(() => read.text().toString() === 'mine');
    read.text().insert(0, 'not yours ');
    await expect(read.saved()).rejects.toMatchObject({ code: 'not-allowed' });
    await setRights(gateway, 'plan', { readers: [], writers: [] });
    await until(() => theirs.failure !== undefined);
    expect(theirs.failure).toMatchObject({ code: 'not-allowed' });
    const steered = await operator.open('plan');
    expect(steered.text().toString()).toBe('mine');
    expect(steered.canWrite).toBe(true);
  });

  it.each([
    ['a wrong token', 'wrong', /wrong token/],
    ['no token', '', /wants a token/],
  ])('are refused with %s', async (_what, token, sentence) => {
    const gateway = await Gateway.open();
    const page = await gateway.page(new Way(over), { token });
    const opening = page.open('plan');
    await expect(opening).rejects.toMatchObject({ code: 'not-admitted' });
    await expect(opening).rejects.toThrow(sentence);
    expect(await names(gateway)).toEqual([]);
  });

  it('are refused without the key that they name', async () => {
    const gateway = await Gateway.open();
    const [victim, thief] = [await someone(), await someone()];
    const session = await connect(gateway);
    const identity = { publicKey: victim.publicKey, sign: thief.sign };
    await expect(PageSession.open(session, 'client', identity)).rejects.toMatchObject({
      code: 'not-admitted',
    });
    // A proof is of one session: what one signed for another is worth nothing.
    const [a, b] = [await connect(gateway), await connect(gateway)];
    const [first, second] = [await Raw.on(a), await Raw.on(b)];
    await Promise.all([first.say(['begin', 1]), second.say(['begin', 1])]);
    const [, nodePeerId, nonce] = await until(() => first.heard('challenge'));
    await until(() => second.heard('challenge'));
    const signature = await victim.sign(proofBytes(nodePeerId, nonce));
    await second.say(['proof', 'client', victim.publicKey, signature]);
    expect((await until(() => second.heard('failed')))[1]).toBe('not-admitted');
    await b.closed.catch(() => undefined);
    await first.say(['proof', 'client', victim.publicKey, signature]);
    await until(() => first.heard('admitted'));
  });

  it.each([
    ['a frame of four gigabytes', Uint8Array.of(255, 255, 255, 255, 1), 'malformed-frame'],
    ['a frame that the first stream has no room for', frameOf(8_193), 'malformed-frame'],
    ['a frame of no kind', Uint8Array.of(0, 0, 0, 1, 99), 'malformed-frame'],
    ['another version', Uint8Array.of(0, 0, 0, 2, 1, 2), 'unsupported-version'],
    ['a document before the proof', encodePageFrame(['hello', 1, 'd', empty]), 'malformed-frame'],
  ])('that begin with %s are told so, and sent away', async (_what, bytes, code) => {
    const gateway = await Gateway.open();
    const session = await connect(gateway);
    const raw = await Raw.on(session);
    await raw.say(bytes);
    expect((await until(() => raw.heard('failed')))[1]).toBe(code);
    await session.closed.catch(() => undefined);
    expect(await names(gateway)).toEqual([]);
  });

  it.each([
    ['no frame', Uint8Array.of(0, 0, 0, 0), 'malformed-frame'],
    ['a frame that is too long', frameOf(9 * 1024 * 1024, true), 'malformed-frame'],
    ['a second hello', encodePageFrame(['hello', 1, 'plan', empty]), 'malformed-update'],
    ['awareness that is none', encodePageFrame(['aware', Uint8Array.of(9, 9)]), 'malformed-update'],
  ])('that send %s lose their stream, and the document stays', async (_what, bytes, code) => {
    const gateway = await Gateway.open();
    const page = await gateway.page(new Way(over));
    const document = await page.open('plan');
    document.text().insert(0, 'intact');
    await document.saved();
    const raw = await Raw.on(await admitted(gateway));
    await raw.say(['hello', 1, 'plan', empty]);
    await until(() => raw.heard('welcome'));
    await raw.say(bytes);
    expect((await until(() => raw.heard('failed')))[1]).toBe(code);
    document.text().insert(6, ', still');
    await document.saved();
    const late = await (await gateway.page(new Way(over))).open('plan');
    expect(late.text().toString()).toBe('intact, still');
  });

  it('have hostile updates refused one by one, until documents are closed to them', async () => {
    const gateway = await Gateway.open();
    const session = await admitted(gateway);
    const raw = await Raw.on(session);
    await raw.say(['hello', 1, 'plan', empty]);
    for (let id = 1; id <= 5; id += 1) await raw.say(['update', id, Uint8Array.of(1, 2, 3)]);
    await raw.ended;
    expect(raw.heard('refused')?.slice(0, 3)).toEqual(['refused', 1, 'malformed-update']);
    const again = await Raw.on(session);
    await again.say(['hello', 1, 'plan', empty]);
    expect((await until(() => again.heard('failed')))[1]).toBe('not-allowed');
  });

  it('have at most sixteen documents open in a session', async () => {
    const gateway = await Gateway.open();
    const session = await admitted(gateway);
    const open: Raw[] = [];
    for (let index = 0; index < 16; index += 1) {
      const raw = await Raw.on(session);
      await raw.say(['hello', 1, `document ${index}`, empty]);
      await until(() => raw.heard('welcome'));
      open.push(raw);
    }
    const beyond = await Raw.on(session);
    await beyond.say(['hello', 1, 'one more', empty]);
    expect((await until(() => beyond.heard('failed')))[1]).toBe('unavailable');
    await open[0]?.finish();
    await open[0]?.ended;
    await until('there is room again', async () => {
      const next = await Raw.on(session);
      await next.say(['hello', 1, 'one more', empty]);
      await until(() => next.answers.length > 0);
      return next.heard('welcome');
    });
  });

  it('that do not read are sent away, and hold nobody up', async () => {
    const gateway = await Gateway.open({}, 300);
    const session = await admitted(gateway);
    const { writable } = await session.createBidirectionalStream();
    await writable.getWriter().write(encodePageFrame(['hello', 1, 'plan', empty]));
    const [page, other] = [await gateway.page(new Way(over)), await gateway.page(new Way(over))];
    const [document, there] = [await page.open('plan'), await other.open('plan')];
    const ends: string[] = [];
    session.closed.then(
      () => ends.push('closed'),
      () => ends.push('lost'),
    );
    // More than the streams of both ends hold for a reader that does not read.
    for (let count = 0; ends.length === 0 && count < 30; count += 1) {
      const text = document.text();
      text.insert(0, 'x'.repeat(500_000));
      await document.saved();
      text.delete(0, 500_000);
      text.insert(0, `${count};`);
      await document.saved();
    }
    await until('the session is over', () => ends.length > 0);
    await until(() => there.text().toString() === document.text().toString());
  });
});

/** The head of a frame of so many bytes, and what it takes that its length is read. */
function frameOf(lengthBytes: number, isHeadOnly = false): Uint8Array {
  const bytes = new Uint8Array(isHeadOnly ? 5 : 4 + lengthBytes);
  new DataView(bytes.buffer).setUint32(0, lengthBytes);
  return bytes;
}

async function names({ documents }: Gateway): Promise<unknown> {
  const { handlers, context } = operator(documents);
  const answer = await handlers['documents.list']?.({}, context);
  return (answer as { names: string[] } | undefined)?.names;
}

async function setRights(
  { documents }: Gateway,
  name: string,
  rights: { readonly readers: 'all' | string[]; readonly writers: 'all' | string[] },
): Promise<void> {
  const { handlers, context } = operator(documents);
  await handlers['documents.setRights']?.({ name, ...rights }, context);
}

function operator(documents: Gateway['documents']) {
  const everybody = {
    requireClient: () => undefined,
    requireOperator: () => undefined,
    requireMember: () => undefined,
  };
  const handlers = documents.handlers(everybody as never);
  return { handlers, context: { connection: { peerId: 'operator' } } as never };
}

describe('the gateway', () => {
  it('says how it is reached, to the pages of sites that may come', async () => {
    const gateway = await Gateway.open({ origins: ['https://app.example'] });
    const ask = (origin?: string): Promise<Response> =>
      fetch(`${gateway.url}/documents`, origin === undefined ? {} : { headers: { origin } });
    expect(await (await ask()).json()).toMatchObject({ protocol: 1, peerId: 'node-1' });
    const allowed = await ask('https://app.example');
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect((await ask('https://evil.example')).status).toBe(403);
    expect((await fetch(`${gateway.url}/other`)).status).toBe(404);
    const urls = await gatewayAt(gateway.url);
    expect(urls.serverCertificateHashes).toHaveLength(2);
    await expect(new Way('websocket').open(urls)).rejects.toMatchObject({ code: 'refused' });
  });

  it('names the address that it cannot have', async () => {
    const gateway = await Gateway.open();
    const engine = await openEngine();
    const listen = { host: '127.0.0.1', port: gateway.pages.port };
    const opening = NodePages.open(engine, { listen }, { nodePeerId: 'node-2' } as never);
    await expect(opening).rejects.toThrow(
      /^pages cannot be served at 127\.0\.0\.1:\d+: .*EADDRINUSE/,
    );
  });

  it('drops who sends no request in time', async () => {
    const gateway = await Gateway.open();
    const socket = connectTcp(gateway.pages.port, '127.0.0.1');
    let said = '';
    socket.on('data', (piece: Buffer) => (said += piece.toString()));
    const isClosed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET /documents HTTP/1.1\r\nhost:');
    await isClosed;
    expect(said).toMatch(/^HTTP\/1\.1 408/);
  });
});

describe('a page', () => {
  it('closes at once while a node does not answer, and ends the session that comes later', async () => {
    const gateway = await Gateway.open();
    const way = new Way('websocket');
    let isAsked = false;
    let answer!: () => void;
    const answers = new Promise<void>((resolve) => (answer = resolve));
    const openSession: Way['open'] = async (urls) => {
      isAsked = true;
      await answers;
      return way.open(urls);
    };
    const page = await gateway.page(way, { openSession });
    const opening = page.open('plan');
    opening.catch(() => undefined);
    await until(() => isAsked);
    await page.close();
    await expect(opening).rejects.toMatchObject({ code: 'closed' });
    answer();
    await until(() => way.sessions.length === 1);
    await way.sessions[0]?.closed;
  });
});

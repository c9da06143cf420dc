/** Pages at the gateways of real processes, over WebSocket and WebTransport, when nodes are killed. */
import { describe, expect, it } from 'vitest';

import { createIdentity, parsePeerAddress } from '../../transport/identity/index.js';
import { SwarmClient } from '../../src/client/index.js';
import type { PageDocuments } from '../../src/documents/page/index.js';
import { Way, pageOf, someone } from '../nodes/pages/support.js';
import { until } from '../waiting.js';
import { run } from './support/processes.js';
import { Swarm } from './support/swarm.js';

/** Any free port: each node logs which it is. */
const WITH_PAGES = { env: { AGENTIC_FLOW_PAGES_LISTEN: '127.0.0.1:0' } };

/** Where pages reach a member. */
function gatewayOf(swarm: Swarm, nodeId: number): string {
  const { log } = swarm.member(nodeId).process;
  const address = /pages are served at (\S+)/.exec(log)?.[1];
  if (address === undefined) throw new Error(`node ${nodeId} serves no pages: ${log}`);
  return `http://${address}`;
}

describe('the pages of a swarm', () => {
  it('edit with its clients, at another node when theirs is killed, and lose nothing', async () => {
    const swarm = await Swarm.start({ nodes: 2, spawn: WITH_PAGES });
    const [first, second] = [gatewayOf(swarm, 1), gatewayOf(swarm, 2)];
    const token = swarm.created.clientToken;
    const open = async (way: Way, gateways: string[]): Promise<PageDocuments> =>
      pageOf({ gateways, token, identity: await someone(), openSession: way.open });
    const [ada, bob] = [
      await open(new Way('websocket'), [first, second]),
      await open(new Way('webtransport'), [second]),
    ];
    const seeds = [parsePeerAddress(swarm.member(1).address)];
    const client = await SwarmClient.connect({ seeds, token, identity: createIdentity() });
    const only = { only: swarm.member(1).peerId };
    const [hers, his, clients] = [
      await ada.open('plan'),
      await bob.open('plan'),
      await client.documents.open('plan', only),
    ];
    hers.text().insert(0, 'page ');
    await hers.saved();
    await until('the client has it', () => clients.text().toString() === 'page ');
    clients.text().insert(5, 'client ');
    await clients.saved();
    hers.awareness.setLocalStateField('name', 'Ada');
    await until('the client sees her', () => {
      return clients.awareness.getStates().get(hers.document.clientID)?.['name'] === 'Ada';
    });
    await until('he has both', () => his.text().toString() === 'page client ');
    await client.close();
    // Killed right after the acknowledgement; what is typed meanwhile goes to the other node.
    await swarm.member(1).process.kill();
    hers.text().insert(0, 'meanwhile ');
    await until('he has what she typed', () => his.text().toString().startsWith('meanwhile '));
    await hers.saved();
    his.text().insert(0, 'over webtransport ');
    await his.saved();
    await until('she has it', () => hers.text().toString() === his.text().toString());
    await swarm.restart(1);
    const late = await (await open(new Way('webtransport'), [gatewayOf(swarm, 1)])).open('plan');
    const all = 'over webtransport meanwhile page client ';
    await until('the killed node has all of it', () => late.text().toString() === all);
    const ended = await swarm.member(2).process.terminate();
    expect(ended.code).toBe(0);
  });

  it('see who is at another node, until that goes or its node is killed', async () => {
    const swarm = await Swarm.start({ nodes: 2, spawn: WITH_PAGES });
    const token = swarm.created.clientToken;
    const page = async (nodeId: number): Promise<PageDocuments> =>
      pageOf({
        gateways: [gatewayOf(swarm, nodeId)],
        token,
        identity: await someone(),
        openSession: new Way('websocket').open,
      });
    const [ada, bob] = [await page(1), await page(2)];
    const seeds = [parsePeerAddress(swarm.member(2).address)];
    const client = await SwarmClient.connect({ seeds, token, identity: createIdentity() });
    const [hers, his, clients] = [
      await ada.open('plan'),
      await bob.open('plan'),
      await client.documents.open('plan', { only: swarm.member(2).peerId }),
    ];
    hers.awareness.setLocalStateField('name', 'Ada');
    his.awareness.setLocalStateField('name', 'Bob');
    clients.awareness.setLocalStateField('name', 'Cleo');
    const seen = (by: typeof hers): string =>
      [...by.awareness.getStates().values()]
        .flatMap(({ name }) => (typeof name === 'string' ? [name] : []))
        .sort()
        .join();
    await until('she sees all', () => seen(hers) === 'Ada,Bob,Cleo');
    await until('he sees all', () => seen(his) === 'Ada,Bob,Cleo');
    const late = await (await page(1)).open('plan');
    await until('who comes late sees all', () => seen(late) === 'Ada,Bob,Cleo');
    await client.close();
    await until('she sees that the client went', () => seen(hers) === 'Ada,Bob');
    hers.awareness.setLocalStateField('name', 'Ada Lovelace');
    await until('he sees it', () => seen(his) === 'Ada Lovelace,Bob');
    await swarm.member(2).process.kill();
    await until('she sees nobody of the killed node', () => seen(hers) === 'Ada Lovelace');
    await swarm.restart(2);
    const back = await (await page(2)).open('plan');
    await until('the killed node knows who is here', () => seen(back) === 'Ada Lovelace');
    back.awareness.setLocalStateField('name', 'Bob');
    await until('and she who is there', () => seen(hers) === 'Ada Lovelace,Bob');
  });

  it('are told what is wrong with the options', async () => {
    const data = ['node', 'start', '--data', 'nowhere'];
    for (const [flags, sentence] of [
      [['--pages-origins', 'https://a.example'], /give --pages-listen HOST:PORT, too/],
      [['--pages-listen', '127.0.0.1:1', '--pages-cert', 'x'], /--pages-cert and --pages-key/],
      [
        ['--pages-listen', '127.0.0.1:1', '--pages-origins', 'https://a.example/path'],
        /'https:\/\/a\.example\/path' is no origin/,
      ],
      [['--pages-listen', 'here'], /--pages-listen/],
    ] as const) {
      const ended = await run([...data, ...flags]);
      expect(ended.code).not.toBe(0);
      expect(ended.stderr).toMatch(sentence);
    }
  });
});

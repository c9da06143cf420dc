import { afterEach, describe, expect, it } from 'vitest';

import { decodeMessage, type Entry, type Message } from '../../consensus/raft/index.js';
import { COMMIT_DELAY_MS, MESSAGES_GATHERED_MAX } from '../../nodes/limits.js';
import { Peers } from '../../nodes/peers.js';
import type { NotifyOptions, PeerConnection, PeerEndpoint } from '../../transport/rpc/rpc.js';
import { sleep, until } from '../waiting.js';

const ADDRESS = { host: '127.0.0.1', port: 1, peerId: 'b' };

function append(index: number, count: number, commit = 0): Message {
  const entries = Array.from({ length: count }, (_, at): Entry => {
    return { term: 1, index: index + 1 + at, type: 'normal', data: new Uint8Array([at]) };
  });
  return {
    type: 'appendRequest',
    to: 2,
    from: 1,
    term: 1,
    logTerm: 1,
    index,
    entries,
    commit,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: '',
  };
}

let peers: Peers | undefined;
afterEach(() => peers?.close());

interface FakeConnection {
  readonly connection: PeerConnection;
  /** What went over it, as `index+entries@commit`, in messages. */
  readonly sent: string[];
  /** Types of the messages that were to leave in order. */
  readonly inOrder: string[];
  readonly closed: () => boolean;
}

function fakeConnection(): FakeConnection {
  const sent: string[] = [];
  const inOrder: string[] = [];
  let isOpen = true;
  const connection = {
    get isOpen() {
      return isOpen;
    },
    notify: (method: string, payload: unknown, options?: NotifyOptions) => {
      if (!isOpen) return false;
      if (method !== 'raft.message') return true;
      const { type, index, entries, commit } = decodeMessage(payload as Uint8Array);
      if (options?.inOrder === true) inOrder.push(type);
      sent.push(`${index}+${entries.length}@${commit}`);
      return true;
    },
    close: async () => {
      isOpen = false;
    },
  } as unknown as PeerConnection;
  return { connection, sent, inOrder, closed: () => !isOpen };
}

/** Member 2, connected to a node with the id `own`. */
async function connected(own = 1): Promise<FakeConnection> {
  const fake = fakeConnection();
  const endpoint = { connect: async () => fake.connection } as unknown as PeerEndpoint;
  peers = new Peers(own, endpoint, () => undefined);
  peers.update(new Map([[2, ADDRESS]]));
  await until(() => peers?.state(2).connected === true);
  return fake;
}

describe('messages to a member', () => {
  it('leave merged when they are of one turn, before the next', async () => {
    const { sent } = await connected();
    peers?.send(append(4, 1));
    peers?.send(append(5, 2));
    peers?.send(append(7, 1, 5));
    expect(sent).toEqual([]);
    await Promise.resolve();
    expect(sent).toEqual(['4+4@5']);
  });

  it('leave in order when they are appends, and else as soon as they can', async () => {
    const { sent, inOrder } = await connected();
    peers?.send(append(4, 1));
    peers?.send({ ...append(0, 0), type: 'heartbeat' });
    peers?.send({ ...append(5, 0), type: 'appendResponse' });
    peers?.send(append(5, 0, 5));
    await until(() => sent.length === 4);
    expect(inOrder).toEqual(['appendRequest', 'appendRequest']);
  });

  it('that only tell a commit index wait for company', async () => {
    const { sent } = await connected();
    peers?.send(append(4, 0, 4));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
    peers?.send(append(4, 1, 4));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual(['4+1@4']);
    await sleep(COMMIT_DELAY_MS * 4);
    expect(sent).toHaveLength(1);
  });

  it('leave alone when there is no company', async () => {
    const { sent } = await connected();
    peers?.send(append(4, 0, 4));
    await until(() => sent.length > 0);
    expect(sent).toEqual(['4+0@4']);
  });

  it('leave before the member is dropped: it hears that its removal is committed', async () => {
    const { sent, closed } = await connected();
    peers?.send(append(4, 0, 4));
    await Promise.resolve();
    peers?.update(new Map());
    expect(sent).toEqual(['4+0@4']);
    expect(closed()).toBe(true);
  });

  it('do not gather beyond their bound', async () => {
    const { sent } = await connected();
    // Each ends where none follows, so that nothing can be merged.
    for (let at = 0; at < MESSAGES_GATHERED_MAX; at += 1) peers?.send(append(at * 2, 0));
    expect(sent).toHaveLength(MESSAGES_GATHERED_MAX);
  });
});

describe('of two connections between members', () => {
  it('messages take the one that the lower id dialled, while it is open', async () => {
    const own = await connected(3);
    const dialled = fakeConnection();
    peers?.greeted(2, 'first process', dialled.connection);
    peers?.send(append(4, 1));
    await Promise.resolve();
    expect([dialled.sent, own.sent]).toEqual([['4+1@0'], []]);
    await dialled.connection.close(0, '');
    peers?.send(append(5, 1));
    await Promise.resolve();
    expect([dialled.sent, own.sent]).toEqual([['4+1@0'], ['5+1@0']]);
  });

  it('the lower id keeps to its own', async () => {
    const own = await connected(1);
    const dialled = fakeConnection();
    peers?.greeted(2, 'first process', dialled.connection);
    peers?.send(append(4, 1));
    await Promise.resolve();
    expect([dialled.sent, own.sent]).toEqual([[], ['4+1@0']]);
  });

  it('that of a process which has started again replaces the one before', async () => {
    const own = await connected(3);
    const [before, after] = [fakeConnection(), fakeConnection()];
    peers?.greeted(2, 'first process', before.connection);
    peers?.greeted(2, 'second process', after.connection);
    peers?.send(append(4, 1));
    await Promise.resolve();
    expect([before.sent, after.sent]).toEqual([[], ['4+1@0']]);
    expect(own.closed()).toBe(true);
  });
});

import { afterEach, describe, expect, it } from 'vitest';

import { decodeMessage, type Entry, type Message } from '../../consensus/raft/index.js';
import { COMMIT_DELAY_MS, MESSAGES_GATHERED_MAX } from '../../nodes/limits.js';
import { Peers } from '../../nodes/peers.js';
import type { NotifyOptions, RpcConnection, RpcEndpoint } from '../../transport/rpc/rpc.js';
import { sleep, until } from '../transport/rpc/pair.js';

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

/** A connected member; what it was sent, as `index+entries@commit`, in messages. */
async function connected(): Promise<{
  sent: string[];
  inOrder: string[];
  closed: () => boolean;
}> {
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
  } as unknown as RpcConnection;
  const endpoint = { connect: async () => connection } as unknown as RpcEndpoint;
  peers = new Peers(endpoint, () => undefined);
  peers.update(new Map([[2, ADDRESS]]));
  await until(() => peers?.state(2).connected === true);
  return { sent, inOrder, closed: () => !isOpen };
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

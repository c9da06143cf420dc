import { createPublicKey } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createIdentity } from '../../../transport/identity/index.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { MemberAddresses } from '../../../nodes/topics/member-addresses.js';
import { ASK_AGAIN_MS, ASK_INTERVAL_MS } from '../../../nodes/topics/limits.js';
import { topicPeerId, topicPeerIdOfKey } from '../../../src/topics/index.js';

const identity = createIdentity();
const { x = '' } = createPublicKey(identity.privateKeyPem).export({ format: 'jwk' });
const publicKey = new Uint8Array(Buffer.from(x, 'base64url'));
const inTopics = topicPeerId(identity);
const member = { nodeId: 2, peerId: identity.peerId, host: '192.0.2.2' };

/** A node that asks member 2, which answers what the test says. */
class Asking {
  others = [member];
  answer: () => unknown = () => ({ publicKey, host: null, port: 4_001 });
  asked = 0;
  readonly peers: string[] = [];
  readonly logged: string[] = [];
  readonly addresses = new MemberAddresses({
    others: () => this.others,
    call: async () => {
      this.asked += 1;
      // It answers later, so that a test may still say what.
      await Promise.resolve();
      return this.answer();
    },
    peerIdOfKey: topicPeerIdOfKey,
    addPeer: async (host, port, peerId) => void this.peers.push(`+${host} ${port} ${peerId}`),
    removePeer: (peerId) => void this.peers.push(`-${peerId}`),
    log: (message) => void this.logged.push(message),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const passes = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe('the addresses of members', () => {
  it('are asked for, and lead to who the member is', async () => {
    const { addresses, peers } = new Asking();
    await passes(0);
    expect(peers).toEqual([`+192.0.2.2 4001 ${inTopics}`]);
    expect(addresses.peerIdOf(inTopics)).toBe(identity.peerId);
    expect(addresses.peerIdOf('somebody')).toBeUndefined();
    addresses.stop();
  });

  it('are followed when a member moves, and forgotten when it is removed', async () => {
    const asking = new Asking();
    await passes(0);
    asking.answer = () => ({ publicKey, host: '192.0.2.9', port: 4_002 });
    await passes(ASK_AGAIN_MS + ASK_INTERVAL_MS);
    expect(asking.peers.at(-1)).toBe(`+192.0.2.9 4002 ${inTopics}`);
    asking.others = [];
    await passes(ASK_INTERVAL_MS);
    expect(asking.peers.at(-1)).toBe(`-${inTopics}`);
    expect(asking.addresses.peerIdOf(inTopics)).toBeUndefined();
    asking.addresses.stop();
  });

  it.each([
    ['a release before topics', new RpcError('unknown-method', 'topics.address is not known')],
    ['a member without topics', new RpcError('refused', 'none', { reason: 'no-topics' })],
  ])('of %s are asked for again every 10 s', async (_who, error) => {
    const asking = new Asking();
    const works = asking.answer;
    asking.answer = () => {
      throw error;
    };
    await passes(ASK_AGAIN_MS - ASK_INTERVAL_MS);
    expect(asking.asked).toBe(1);
    asking.answer = works;
    await passes(2 * ASK_INTERVAL_MS);
    expect(asking.asked).toBe(2);
    expect(asking.peers).toHaveLength(1);
    expect(asking.logged).toEqual([]);
    asking.addresses.stop();
  });

  it('of a member that cannot be reached are asked for soon', async () => {
    const asking = new Asking();
    asking.answer = () => {
      throw new RpcError('unavailable', 'nobody answers');
    };
    await passes(3 * ASK_INTERVAL_MS);
    expect(asking.asked).toBe(4);
    asking.addresses.stop();
  });

  it.each([
    ['the key of another', { publicKey: new Uint8Array(32), host: null, port: 1 }, /somebody else/],
    ['no key', { host: null, port: 1 }, /publicKey/],
    ['no port', { publicKey, host: null, port: 0 }, /port/],
    ['nothing', null, /not valid/],
  ])('are not taken from an answer with %s', async (_what, answer, says) => {
    const asking = new Asking();
    asking.answer = () => answer;
    await passes(3 * ASK_AGAIN_MS);
    expect(asking.peers).toEqual([]);
    expect(asking.addresses.peerIdOf(inTopics)).toBeUndefined();
    expect(asking.logged).toHaveLength(1);
    expect(asking.logged[0]).toMatch(says);
    asking.addresses.stop();
  });
});

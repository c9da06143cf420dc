/** What a faulty validator does. It is done to the code of its process. */
import { createPrivateKey, sign } from 'node:crypto';
import {
  type Vote,
  type WireMessage,
  decodeMessages,
  encodeMessages,
  signedBytes,
} from '../../../consensus/bft/index.js';
import type { BlsKey } from '../../../nodes/bft/aggregates/bls.js';
import { MESSAGES } from '../../../nodes/bft/inbox.js';
import { PartExchange } from '../../../nodes/bft/parts/exchange.js';
import { isInParts } from '../../../nodes/bft/parts/part-set.js';
import { PeerLinks } from '../../../nodes/groups/links.js';
import type { Identity } from '../../../transport/identity/index.js';

/** See `commit`. */
export type Misdeed =
  | 'lies about parts'
  | 'withholds parts'
  | 'claims gigabytes'
  | 'signs wrong shares'
  | 'forgets its lock';

const GIGABYTES = `parts1-8589934592-131072-${'ab'.repeat(32)}`;

/** From now on this process does it. `chain` is the digest of the genesis. */
export function commit(
  misdeed: Misdeed,
  identity: Identity,
  chain: Uint8Array,
  bls?: BlsKey,
): void {
  const { answer } = PartExchange.prototype;
  switch (misdeed) {
    case 'lies about parts':
      PartExchange.prototype.answer = async function (this: PartExchange, peer, payload) {
        const bytes = await answer.call(this, peer, payload);
        if (bytes !== null) bytes[bytes.length - 1]! ^= 1;
        return bytes;
      };
      return;
    case 'withholds parts':
      PartExchange.prototype.answer = () => new Promise(() => {});
      return;
    case 'claims gigabytes':
      return claim(identity, chain);
    case 'forgets its lock':
      return forgetLocks(identity, chain);
    case 'signs wrong shares':
      changeSent((message) => {
        const isOwn = message.type === 'share' && message.vote.from === identity.peerId;
        if (!isOwn || bls === undefined) return [message];
        const vote = { ...message.vote, share: bls.sign(Buffer.from('else')) };
        return [{ type: 'share', vote }];
      });
  }
}

function claim({ peerId, privateKeyPem }: Identity, chain: Uint8Array): void {
  const key = createPrivateKey(privateKeyPem);
  changeSent((message) => {
    const isOwn = message.type === 'proposal' && message.proposal.from === peerId;
    if (!isOwn || !isInParts(message.proposal.value)) return [message];
    const proposal = { ...message.proposal, value: GIGABYTES };
    const signature = sign(null, signedBytes(chain, { type: 'proposal', proposal }), key);
    return [{ type: 'proposal', proposal: { ...proposal, signature } }];
  });
}

/** Behind each precommit of a value it prevotes another one in the next round; it says nothing else there. */
function forgetLocks({ peerId, privateKeyPem }: Identity, chain: Uint8Array): void {
  const key = createPrivateKey(privateKeyPem);
  const prevoteAfter = ({ height, round }: Vote): WireMessage => {
    const value = 'ab'.repeat(32);
    const vote = { type: 'prevote', from: peerId, height, round: round + 1, value } as const;
    const signature = sign(null, signedBytes(chain, { type: 'vote', vote }), key);
    return { type: 'vote', vote: { ...vote, signature } };
  };
  const change = (message: WireMessage): WireMessage[] => {
    if (message.type !== 'vote' || message.vote.from !== peerId) return [message];
    const { vote } = message;
    if (vote.round > 0) return [];
    const isLock = vote.type === 'precommit' && vote.value !== null;
    return isLock ? [message, prevoteAfter(vote)] : [message];
  };
  changeSent(change);
}

function changeSent(change: (message: WireMessage) => readonly WireMessage[]): void {
  const { send } = PeerLinks.prototype;
  PeerLinks.prototype.send = function (this: PeerLinks, peer, bytes, options): boolean {
    if (bytes[0] !== MESSAGES) return send.call(this, peer, bytes, options);
    const changed = encodeMessages(decodeMessages(bytes.subarray(1)).flatMap(change));
    return send.call(this, peer, Buffer.concat([Buffer.from([MESSAGES]), changed]), options);
  };
}

/**
 * A validator in a process of its own; does what its parent says. What it receives is noted, so that a
 * second signature for one place would be found. One that is to equivocate tells every second peer
 * something else, under its own signature: what it sends is changed on its way out.
 */
import { createPrivateKey, sign } from 'node:crypto';
import {
  type OwnMessage,
  type WireMessage,
  decodeMessages,
  encodeMessages,
  signedBytes,
} from '../../../consensus/bft/index.js';
import { encodeBatch, valueIdOf } from '../../../nodes/bft/batch.js';
import { readGenesis } from '../../../nodes/bft/genesis.js';
import { Inbox, MESSAGES } from '../../../nodes/bft/inbox.js';
import { type Validator, openValidator } from '../../../nodes/bft/index.js';
import { PeerLinks } from '../../../nodes/groups/links.js';
import { identityFromPrivateKey } from '../../../transport/identity/index.js';
import { answerParent } from '../../forked-process.js';
import { type PlainGenesis, readPlainGenesis } from './plain-genesis.js';

interface Start {
  readonly directory: string;
  readonly privateKeyPem: string;
  readonly genesis: PlainGenesis;
  readonly equivocates: boolean;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

/** A change of a validator as it travels to a process. */
export interface PlainChange {
  /** Hexadecimal. */
  readonly publicKey: string;
  readonly weight: number;
  readonly address: { readonly host: string; readonly port: number } | null;
}

let validator: Validator | undefined;
const applied: string[][] = [];
const lines: string[] = [];
/** What was received: by signer, height, round and kind, the different contents. */
const received = new Map<string, Set<string>>();

const receive = Inbox.prototype.receive;
Inbox.prototype.receive = function (this: Inbox, peer: string, payload: unknown): void {
  if (payload instanceof Uint8Array && payload[0] === MESSAGES) {
    for (const message of decodeMessages(payload.subarray(1))) note(message);
  }
  receive.call(this, peer, payload);
};

function note(message: WireMessage): void {
  if (message.type !== 'vote' && message.type !== 'proposal') return;
  const about = message.type === 'vote' ? message.vote : message.proposal;
  const kind = message.type === 'vote' ? message.vote.type : 'proposal';
  const place = `${about.from} ${about.height}/${about.round} ${kind}`;
  const valid = message.type === 'proposal' ? message.proposal.validRound : '';
  const contents = received.get(place) ?? new Set();
  received.set(place, contents.add(`${about.value ?? 'nil'} ${valid}`));
}

function equivocate(self: string, privateKeyPem: string, chain: Uint8Array): void {
  const key = createPrivateKey(privateKeyPem);
  const other = encodeBatch([]);
  const signed = (message: OwnMessage): Uint8Array => sign(null, signedBytes(chain, message), key);
  let seen: string | null = null;
  const change = (message: WireMessage): WireMessage[] => {
    if (message.type === 'proposal' && message.proposal.from === self) {
      const proposal = { ...message.proposal, value: valueIdOf(other) };
      const signature = signed({ type: 'proposal', proposal });
      return [
        { type: 'proposal', proposal: { ...proposal, signature } },
        { type: 'value', bytes: other },
      ];
    }
    if (message.type === 'proposal') seen = message.proposal.value;
    if (message.type !== 'vote' || message.vote.from !== self) return [message];
    const vote = { ...message.vote, value: message.vote.value === null ? seen : null };
    return [{ type: 'vote', vote: { ...vote, signature: signed({ type: 'vote', vote }) } }];
  };
  const send = PeerLinks.prototype.send;
  PeerLinks.prototype.send = function (this: PeerLinks, peer, bytes, options): boolean {
    if (bytes[0] !== MESSAGES || peer % 2 === 0) return send.call(this, peer, bytes, options);
    const messages = decodeMessages(bytes.subarray(1));
    const isProposal = messages.some((each) => {
      return each.type === 'proposal' && each.proposal.from === self;
    });
    const kept = isProposal ? messages.filter(({ type }) => type !== 'value') : messages;
    const changed = encodeMessages(kept.flatMap(change));
    return send.call(this, peer, Buffer.concat([Buffer.from([MESSAGES]), changed]), options);
  };
}

function running(): Validator {
  if (validator === undefined) throw new Error('start comes first');
  return validator;
}

const methods = {
  async start({ directory, privateKeyPem, genesis, equivocates, listen }: Start): Promise<string> {
    const identity = identityFromPrivateKey(privateKeyPem);
    const read = readPlainGenesis(genesis);
    if (equivocates) equivocate(identity.peerId, privateKeyPem, readGenesis(read).digest);
    validator = await openValidator({
      directory,
      identity,
      genesis: read,
      timeoutsMs: { propose: 600, prevote: 300, precommit: 300, growth: 300 },
      apply: ({ height, commands }) => {
        applied[height - 1] = commands.map((each) => Buffer.from(each).toString());
      },
      validate: (command) => command[0] !== 0,
      ...(listen === undefined ? {} : { listen }),
      // Its operator approves what removes nobody without a proof.
      approveChange: ({ weight, reason }) => weight > 0 || reason === 'evidence',
      log: (line) => {
        lines.push(line);
        if (lines.length > 1_000) lines.shift();
      },
      onFailed: (error) => process.stderr.write(`${String(error)}\n`),
    });
    return identity.peerId;
  },
  async submit(texts: readonly string[]): Promise<readonly { height: number; index: number }[]> {
    return Promise.all(texts.map((text) => running().submit(Buffer.from(text))));
  },
  /** `ok`, or the code of the error. */
  trySubmit: async (text: string): Promise<string> =>
    running()
      .submit(Buffer.from(text))
      .then(
        () => 'ok',
        (error: unknown) => (error as { code: string }).code,
      ),
  /** The height from which on the change counts. */
  change: async ({ publicKey, ...rest }: PlainChange): Promise<number> =>
    running().changeValidator({ ...rest, publicKey: Buffer.from(publicKey, 'hex') }),
  members: async () =>
    running()
      .validators()
      .map(({ id }) => id),
  status: async () => {
    const { height, weight, withheld, peersUp, commandsWaiting } = running().status();
    return { height, weight, withheld, peersUp, commandsWaiting };
  },
  /** The commands of each height. */
  chain: async () => applied,
  evidence: async () =>
    running()
      .evidence()
      .map(({ culprit, kind }) => ({ culprit, kind })),
  received: async () => [...received].map(([place, contents]) => [place, [...contents]] as const),
  log: async () => lines,
};

export type Methods = typeof methods;

answerParent(methods);

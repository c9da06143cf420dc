/**
 * A validator in a process of its own; does what its parent says. What it receives is noted, so that a
 * second signature for one place would be found. One that is to equivocate tells every second peer
 * something else, under its own signature: what it sends is changed on its way out.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto';
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
import { type Validator, openBlsKey, openValidator } from '../../../nodes/bft/index.js';
import { PartSet } from '../../../nodes/bft/parts/part-set.js';
import { PeerLinks } from '../../../nodes/groups/links.js';
import { identityFromPrivateKey } from '../../../transport/identity/index.js';
import { answerParent } from '../../forked-process.js';
import { type Misdeed, commit } from './misdeeds.js';
import {
  type PlainBlsKey,
  type PlainGenesis,
  readBlsKey,
  readPlainGenesis,
} from './plain-genesis.js';

interface Start {
  readonly directory: string;
  readonly privateKeyPem: string;
  readonly genesis: PlainGenesis;
  readonly equivocates: boolean;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** What it does in place of equivocating. */
  readonly misdeed: Misdeed | undefined;
  /** Where its key of shares is. */
  readonly bls: string | undefined;
}

/** A change of a validator as it travels to a process. */
export interface PlainChange {
  /** Hexadecimal. */
  readonly publicKey: string;
  readonly weight: number;
  readonly address: { readonly host: string; readonly port: number } | null;
  readonly bls?: PlainBlsKey;
}

let validator: Validator | undefined;
const applied: string[][] = [];
/** The round in which each height was decided. */
const rounds: number[] = [];
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
  if (message.type === 'share') {
    const { share, ...vote } = message.vote;
    const { from, height, round } = vote;
    noteAt(`${from} ${height}/${round} share`, Buffer.from(share).toString('hex'));
    return note({ type: 'vote', vote });
  }
  if (message.type !== 'vote' && message.type !== 'proposal') return;
  const about = message.type === 'vote' ? message.vote : message.proposal;
  const kind = message.type === 'vote' ? message.vote.type : 'proposal';
  const place = `${about.from} ${about.height}/${about.round} ${kind}`;
  const valid = message.type === 'proposal' ? message.proposal.validRound : '';
  noteAt(place, `${about.value ?? 'nil'} ${valid}`);
}

function noteAt(place: string, content: string): void {
  const contents = received.get(place) ?? new Set();
  received.set(place, contents.add(content));
}

/** Parts that came here and were those of a value. */
let partsReceived = 0;
const { add } = PartSet.prototype;
PartSet.prototype.add = function (this: PartSet, at, part) {
  const added = add.call(this, at, part);
  if (added === 'new') partsReceived += 1;
  return added;
};

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

/** A command as it is told: itself, or its digest. */
function nameOf(command: Uint8Array): string {
  if (command.length < 1_024) return Buffer.from(command).toString();
  return `sha256 ${createHash('sha256').update(command).digest('hex')}`;
}

function running(): Validator {
  if (validator === undefined) throw new Error('start comes first');
  return validator;
}

const methods = {
  async start(options: Start): Promise<string> {
    const { directory, privateKeyPem, genesis, equivocates, listen, misdeed, bls } = options;
    const identity = identityFromPrivateKey(privateKeyPem);
    const read = readPlainGenesis(genesis);
    const { digest } = readGenesis(read);
    const key = bls === undefined ? undefined : await openBlsKey(bls);
    if (misdeed !== undefined) commit(misdeed, identity, digest, key);
    else if (equivocates) equivocate(identity.peerId, privateKeyPem, digest);
    validator = await openValidator({
      directory,
      identity,
      genesis: read,
      timeoutsMs: { propose: 600, prevote: 300, precommit: 300, growth: 300 },
      apply: ({ height, round, commands }) => {
        rounds[height - 1] = round;
        applied[height - 1] = commands.map((each) => nameOf(each));
      },
      validate: (command) => command[0] !== 0,
      ...(listen === undefined ? {} : { listen }),
      ...(key === undefined ? {} : { bls: key }),
      // Its operator approves what removes nobody without a reason.
      approveChange: ({ weight, reason }) => weight > 0 || reason !== 'command',
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
  /** A command of so many bytes, another one for each mark. */
  async submitLarge(bytes: number, mark: number): Promise<{ height: number; digest: string }> {
    const command = Buffer.alloc(bytes, `${mark} of ${bytes},`);
    const { height } = await running().submit(command);
    return { height, digest: nameOf(command) };
  },
  tryLarge: async (bytes: number): Promise<string> =>
    running()
      .submit(Buffer.alloc(bytes, 1))
      .then(
        () => 'ok',
        (error: unknown) => (error as { code: string }).code,
      ),
  /** Digests of the large commands that were applied. */
  largeApplied: async () => applied.flat().filter((text) => text.startsWith('sha256 ')),
  partsReceived: async () => partsReceived,
  roundsOf: async () => rounds,
  /** An envelope in base64. */
  decision: async (height: number) =>
    Buffer.from(encodeMessages(await running().decision(height))).toString('base64'),
  faultsOf: async (peer: string) => {
    const none = { garbage: 0, 'bad-signature': 0, 'bad-decision': 0, 'bad-part': 0 };
    return { ...none, ...running().status().peers.get(peer)?.faults };
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
  change: async ({ publicKey, bls, ...rest }: PlainChange): Promise<number> =>
    running().changeValidator({
      ...rest,
      publicKey: Buffer.from(publicKey, 'hex'),
      ...(bls && { bls: readBlsKey(bls) }),
    }),
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

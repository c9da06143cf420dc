/** A member of a swarm as a process of its own, which publishes and notes what it gets. */
import { z } from 'zod';
import { openTopics, type Topics } from '../../src/topics/index.js';
import { answerParent } from '../transport/child.js';

const schemas = { ticks: z.object({ text: z.string() }) };

export interface StartRequest {
  readonly start: {
    readonly privateKeyPem: string;
    /** 0 is any. */
    readonly port: number;
    /** Peer ids. */
    readonly allowed: readonly string[];
    readonly peers: readonly string[];
  };
}

export interface PublishRequest {
  readonly publish: { readonly count: number; readonly everyMs: number; readonly bytes: number };
}

/** What came from one start of one member. */
interface Received {
  readonly from: string;
  readonly epoch: number;
  /** In the order in which they came. */
  readonly sequences: number[];
  /** From the call of `publish` to the reader, by the clock that all processes share. */
  readonly latenciesMs: number[];
}

/** Small, so that asking for it again and again costs the members little. */
export interface MemberProgress {
  readonly addresses: readonly string[];
  /** Connected peers that subscribe. */
  readonly neighbours: number;
  /** Of this process since its start. */
  readonly published: number;
  /** Calls that failed because no peer was connected at that moment. */
  readonly unheard: number;
  readonly isPublishing: boolean;
  readonly dropped: number;
  readonly refused: number;
}

export interface MemberReport extends MemberProgress {
  readonly received: readonly Received[];
}

let topics: Topics<typeof schemas> | undefined;
const received = new Map<string, Received>();
const counts = { published: 0, unheard: 0, dropped: 0 };
let isPublishing = false;

function opened(): Topics<typeof schemas> {
  if (topics === undefined) throw new Error('the member has not been started');
  return topics;
}

async function start({ privateKeyPem, port, allowed, peers }: StartRequest['start']) {
  const members = new Set(allowed);
  topics = await openTopics({
    identity: { privateKeyPem },
    listen: [`/ip4/127.0.0.1/udp/${port}/quic-v1`],
    peers,
    topics: schemas,
    allow: (peerId) => members.has(peerId),
  });
  topics.subscribe('ticks', ({ from, epoch, sequence, sentMs, droppedBefore }) => {
    const key = `${from} ${epoch}`;
    const known = received.get(key) ?? { from, epoch, sequences: [], latenciesMs: [] };
    received.set(key, known);
    known.sequences.push(sequence);
    known.latenciesMs.push(Date.now() - sentMs);
    counts.dropped += droppedBefore;
  });
}

async function publish({ count, everyMs, bytes }: PublishRequest['publish']): Promise<void> {
  isPublishing = true;
  for (let at = 0; at < count; at += 1) {
    const recipients = await opened().publish(
      'ticks',
      { text: '.'.repeat(bytes) },
      { allowNobody: true },
    );
    counts.published += 1;
    if (recipients === 0) counts.unheard += 1;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  isPublishing = false;
}

function progress(): MemberProgress {
  const { refused } = opened().report();
  return {
    addresses: opened().addresses,
    neighbours: opened().subscribers('ticks').length,
    ...counts,
    isPublishing,
    refused: Object.values(refused).reduce((sum, count) => sum + count, 0),
  };
}

answerParent(async (request) => {
  if (request === 'report') return { ...progress(), received: [...received.values()] };
  const asked = request as Partial<StartRequest & PublishRequest & { addPeers: string[] }>;
  if (asked.start !== undefined) await start(asked.start);
  if (asked.addPeers !== undefined) for (const peer of asked.addPeers) opened().addPeer(peer);
  // What goes wrong ends the process: whoever asks next hears of it.
  if (asked.publish !== undefined) void publish(asked.publish);
  return progress();
});
process.send?.({ result: 'ready' });

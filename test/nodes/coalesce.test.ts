import { describe, expect, it } from 'vitest';

import {
  RaftNode,
  decodeMessage,
  defaultRaftConfig,
  encodeMessage,
  foundingState,
  type Entry,
  type Message,
} from '../../consensus/raft/index.js';
import { coalesce } from '../../nodes/coalesce.js';
import { COALESCED_BYTES_MAX } from '../../nodes/limits.js';
import { RandomStream } from '../../sim/world/random.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`coalesce: SEED=${seed}`);

const NOTHING: Message = {
  type: 'heartbeat',
  to: 2,
  from: 1,
  term: 3,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  snapshot: null,
  reject: false,
  rejectHint: 0,
  context: '',
};

function entry(index: number, bytes = 1, term = 3): Entry {
  return { term, index, type: 'normal', data: new Uint8Array(bytes).fill(index) };
}

function append(index: number, entries: readonly Entry[], commit = 0, logTerm = 3): Message {
  return { ...NOTHING, type: 'appendRequest', index, logTerm, entries, commit };
}

function acknowledge(index: number, more: Partial<Message> = {}): Message {
  return { ...NOTHING, type: 'appendResponse', index, ...more };
}

describe('messages of one turn', () => {
  it('that append one after another become one append, with the newest commit index', () => {
    const messages = [append(4, [entry(5)], 3, 2), append(5, [entry(6)], 4), append(6, [], 5)];
    expect(coalesce(messages)).toEqual([append(4, [entry(5), entry(6)], 5, 2)]);
  });

  it('that acknowledge become the last acknowledgement', () => {
    const messages = [acknowledge(4), acknowledge(5), acknowledge(9)];
    expect(coalesce(messages)).toEqual([acknowledge(9)]);
  });

  const apart: Record<string, readonly Message[]> = {
    'another kind between them': [append(4, [entry(5)]), NOTHING, append(5, [entry(6)])],
    'a gap': [append(4, [entry(5)]), append(6, [entry(7)])],
    'the same again': [append(4, [entry(5)]), append(4, [entry(5)])],
    'another term': [append(4, [entry(5)]), { ...append(5, [entry(6)]), term: 4 }],
    'another entry before': [append(4, [entry(5)]), append(5, [entry(6)], 0, 2)],
    'a lower commit index': [append(4, [entry(5)], 3), append(5, [entry(6)], 2)],
    'a refusal': [acknowledge(4, { reject: true }), acknowledge(5)],
    'a refusal behind': [acknowledge(4), acknowledge(5, { reject: true })],
    'a lower index': [acknowledge(5), acknowledge(4)],
    'too many bytes': [append(4, [entry(5, COALESCED_BYTES_MAX)]), append(5, [entry(6)])],
  };
  it.each(Object.entries(apart))('stay as they are with %s', (_what, messages) => {
    expect(coalesce(messages)).toEqual(messages);
  });
});

/** Three cores without a disk, whose messages go through `carry` a turn at a time. */
function run(random: RandomStream, carry: (messages: readonly Message[]) => Message[]): string[] {
  const members = [1, 2, 3];
  const nodes = new Map(
    members.map((id) => [
      id,
      new RaftNode(defaultRaftConfig({ id, random: () => 0.5 }), foundingState(members)),
    ]),
  );
  const applied = new Map(members.map((id) => [id, [] as string[]]));
  let underWay: Message[] = [];
  const turn = (): void => {
    const arriving = underWay;
    underWay = [];
    for (const message of arriving) {
      const carried = decodeMessage(encodeMessage(message));
      nodes.get(message.to)?.step({ type: 'message', message: carried });
    }
    for (const [id, node] of nodes) {
      const sent = new Map<number, Message[]>(members.map((to) => [to, []]));
      while (node.hasReady()) {
        const ready = node.ready();
        for (const { index, term, data } of ready.committedEntries) {
          applied.get(id)?.push(`${term}/${index}:${Buffer.from(data).toString('hex')}`);
        }
        node.advance();
        for (const each of [...ready.messages, ...ready.messagesAfterPersist]) {
          sent.get(each.to)?.push(each);
        }
      }
      for (const messages of sent.values()) underWay.push(...carry(messages));
    }
  };
  nodes.get(1)?.step({ type: 'campaign' });
  for (let at = 0; at < 400; at += 1) {
    const proposals = at < 300 ? random.uint32() % 6 : 0;
    for (let count = 0; count < proposals; count += 1) {
      nodes.get(1)?.step({ type: 'propose', data: [new Uint8Array([at & 0xff, count])] });
    }
    if (at % 10 === 0) nodes.get(1)?.step({ type: 'tick' });
    turn();
  }
  const [first, ...others] = [...applied.values()];
  for (const other of others) expect(other).toEqual(first);
  return first ?? [];
}

describe('a group whose messages are merged', () => {
  it('applies what it would have applied without, from fewer messages', () => {
    const counts = { whole: 0, merged: 0 };
    const whole = run(new RandomStream(seed, 'load'), (messages) => {
      counts.whole += messages.length;
      return [...messages];
    });
    const merged = run(new RandomStream(seed, 'load'), (messages) => {
      const fewer = coalesce(messages);
      counts.merged += fewer.length;
      return fewer;
    });
    expect(whole.length).toBeGreaterThan(300);
    expect(merged).toEqual(whole);
    expect(counts.merged).toBeLessThan(counts.whole / 2);
  });

  it('survives the loss of any of them', () => {
    const random = new RandomStream(seed, 'loss');
    const applied = run(new RandomStream(seed, 'load'), (messages) =>
      coalesce(messages).filter(
        ({ type }) => !type.startsWith('append') || random.uint32() % 10 > 0,
      ),
    );
    expect(applied.length).toBeGreaterThan(100);
  });
});

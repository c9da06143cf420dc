import { describe, expect, it } from 'vitest';

import { RpcError } from '../../../transport/rpc/rpc.js';
import { channelNames, channelOf, contentShape } from '../../../nodes/topics/content.js';
import { requests } from '../../../nodes/topics/requests.js';
import { parseRequest } from '../../../nodes/service/requests.js';

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
}

const GOOD = { topic: 'jobs', id: '1', message: { text: 'hello' } };

/** What is refused of a message: the request, and what the refusal says. */
const HOSTILE: readonly (readonly [what: string, request: unknown, says: RegExp])[] = [
  ['nothing', undefined, /not valid/],
  ['a list', [], /not valid/],
  ['no topic', { ...GOOD, topic: undefined }, /topic/],
  ['a topic that is none', { ...GOOD, topic: 'a b' }, /"a b" is no name of a topic/],
  ['an endless topic', { ...GOOD, topic: 'x'.repeat(100_000) }, /is no name of a topic/],
  ['a topic that is an object', { ...GOOD, topic: { length: 1 } }, /topic/],
  ['no id', { topic: 'jobs', message: 1 }, /id/],
  ['a long id', { ...GOOD, id: 'x'.repeat(65) }, /id/],
  ['no message', { topic: 'jobs', id: '1' }, /message/],
  ['a deep message', { ...GOOD, message: nested(33) }, /message may be nested 32 deep/],
  ['a long message', { ...GOOD, message: 'x'.repeat(64 * 1024) }, /message has 65\d+ bytes/],
  ['long bytes', { ...GOOD, message: new Uint8Array(64 * 1024) }, /message has 65\d+ bytes/],
];

/** Values that come through as they are. */
const VALUES: readonly unknown[] = [
  null,
  false,
  0,
  -1.5,
  '',
  'text',
  [],
  {},
  new Uint8Array([1, 2]),
  nested(32),
  'x'.repeat(63 * 1024 - 3),
];

describe('a message of a topic', () => {
  it.each(HOSTILE)('is refused when it has %s', (_what, request, says) => {
    const parse = (): unknown => parseRequest(requests.publish, request);
    expect(parse).toThrow(RpcError);
    expect(parse).toThrow(says);
  });

  it.each(VALUES.map((value) => [value]))('may be any value: %j', (message) => {
    expect(parseRequest(requests.publish, { ...GOOD, message })).toEqual({ ...GOOD, message });
  });

  it('is read by members as far as they know it', () => {
    const content = { ...GOOD, author: 'a' };
    expect(contentShape.parse({ ...content, later: 1 })).toEqual(content);
    expect(contentShape.safeParse({ ...content, author: 'x'.repeat(129) }).success).toBe(false);
    expect(contentShape.safeParse({ ...content, message: nested(33) }).success).toBe(false);
  });
});

it('a topic has the channel that all releases give it', () => {
  expect(channelNames()).toHaveLength(16);
  expect(channelNames()).toContain('swarm/15');
  // Members that disagreed here would not hear each other.
  expect(['jobs', 'news', 'a/b.c', 'x'].map(channelOf)).toEqual([
    'swarm/11',
    'swarm/9',
    'swarm/4',
    'swarm/2',
  ]);
});

/** Updates that no editor writes: each is refused with an error, and the document is as it was. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';
import {
  DocumentError,
  type Rights,
  authorOf,
  checkUpdate,
  clientIdOf,
} from '../../../src/documents/index.js';
import { UPDATE_BYTES_MAX } from '../../../src/documents/limits.js';
import { SEED } from '../../transport/seed.js';
import { Host, typed } from './support.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const hello = ['hello', 1, 'doc', Uint8Array.of(0)];
const mallory = authorOf('mallory');

/** An update of one item by Mallory: info and content as they are written, behind the id. */
function item(body: string, client = clientIdOf(mallory, 1), clock = 0): Uint8Array {
  const bytes: number[] = [1, 1];
  const varint = (value: number): void => {
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      bytes.push((rest % 128) | (rest > 127 ? 128 : 0));
      if (rest <= 127) return;
    }
  };
  varint(client);
  varint(clock);
  return Uint8Array.from([...bytes, ...hex(body), 0]);
}

/** What Mallory's own document says, changed by `change` before it is encoded. */
function crafted(change: (document: Y.Doc) => void): Uint8Array {
  const document = new Y.Doc();
  document.clientID = clientIdOf(mallory, 1);
  change(document);
  return Y.encodeStateAsUpdate(document);
}

let deep: unknown = 1;
for (let depth = 0; depth < 100; depth += 1) deep = [deep];
const victims = typed('victim', 'hello');
const continued = new Y.Doc();
continued.clientID = clientIdOf(mallory, 1);
Y.applyUpdate(continued, typed('stranger', 'unknown'));
const since = Y.encodeStateVector(continued);
continued.getText('text').insert(3, 'built on it');

const HOSTILE: readonly (readonly [what: string, code: string, update: Uint8Array])[] = [
  ['nothing', 'malformed-update', new Uint8Array()],
  ['text', 'malformed-update', Buffer.from('an update, believe me')],
  ['a million million clients', 'malformed-update', hex('8080a8e4a7880f01')],
  ['a million million items', 'malformed-update', hex('018080a8e4a7880f0100')],
  ['a text of a gigabyte', 'malformed-update', item('0401047465787480808080044142')],
  ['a deletion of a gigabyte', 'too-large', item('0080808080808002')],
  ['an array of two to the forty', 'malformed-update', item('08010161808080808020')],
  ['an update that is cut off', 'malformed-update', victims.slice(0, -3)],
  ['a deletion of what nobody has', 'incomplete-update', hex('000101010005')],
  ['the name of another author', 'forged-author', typed('another', 'in your name')],
  ['the name of one who is here', 'forged-author', typed('victim', 'hello, and more')],
  ['a client id that is chosen', 'forged-author', item('040104746578740141', 7)],
  ['what builds on the unknown', 'incomplete-update', Y.encodeStateAsUpdate(continued, since)],
  ['what begins in the middle', 'incomplete-update', item('040104746578740141', undefined, 5)],
  ['an item that builds on itself', 'incomplete-update', item(selfOrigin())],
  [
    'a value that is nested too deep',
    'malformed-update',
    crafted((one) => one.getMap('m').set('k', deep as never)),
  ],
  [
    'an embed that is nested too deep',
    'malformed-update',
    crafted((one) => one.getText('t').insertEmbed(0, { deep } as never)),
  ],
  [
    'a document in a document',
    'malformed-update',
    crafted((one) => one.getMap('m').set('k', new Y.Doc())),
  ],
  [
    'a root with a long name',
    'malformed-update',
    crafted((one) => one.getText('x'.repeat(300)).insert(0, 'x')),
  ],
  [
    'two thousand roots',
    'too-large',
    crafted((one) => {
      for (let at = 0; at < 2_000; at += 1) one.getText(`root ${at}`).insert(0, 'x');
    }),
  ],
  ['more bytes than a document has', 'too-large', new Uint8Array(9 * 1024 * 1024)],
];

/** Info with an origin: the id of the item itself. */
function selfOrigin(): string {
  const id = Buffer.from(item('').subarray(2, -2)).toString('hex');
  return `84${id}000141`;
}

describe('an update with', () => {
  it.each(HOSTILE)('%s is refused as %s', async (_what, code, update) => {
    const host = await Host.open();
    await host.store.use('doc', (document) => document.apply(victims, authorOf('victim'), {}));
    const answers = await host.raw(
      'mallory',
      [hello, ['update', 1, update]].slice(0, update.length > 8 * 1024 * 1024 ? 1 : 2),
    );
    if (update.length <= 8 * 1024 * 1024) {
      expect(answers[1]).toEqual(['refused', 1, code, expect.stringMatching(/\w/)]);
      const costs = code === 'incomplete-update' ? 5 : 10;
      expect(host.scores.score('mallory')).toBeLessThanOrEqual(100 - costs);
    }
    await host.store.use('doc', (document) => {
      const apply = document.apply(update, mallory, {});
      return expect(apply).rejects.toMatchObject({ name: 'DocumentError', code });
    });
    expect(await host.text()).toBe('hello');
    // Nothing of it waits for better times.
    const honest = host.peer('honest');
    await honest.ready;
    honest.text().insert(5, '!');
    await honest.saved();
    expect(await host.text()).toBe('hello!');
  });
});

describe('a peer', () => {
  it('that goes on sending such things is shut out for some time', async () => {
    const host = await Host.open();
    const forged = typed('another', 'in your name');
    const answers = await host.raw('mallory', [
      hello,
      ['update', 1, forged],
      ['update', 2, forged],
    ]);
    expect(answers.at(-1)).toMatchObject(['refused', 2, 'forged-author', expect.anything()]);
    expect(host.scores.isShutOut('mallory')).toBe(true);
    await expect(host.raw('mallory', [hello])).rejects.toMatchObject({ code: 'not-allowed' });
    host.nowMs += 60_000;
    expect(host.scores.score('mallory')).toBe(60);
    expect(await host.raw('mallory', [hello])).toMatchObject([
      ['welcome', mallory, true, expect.anything(), expect.anything()],
    ]);
    expect(host.scores.score('honest')).toBe(100);
  });

  it.each([
    ['no hello', [['update', 1, victims]]],
    ['another protocol', [['hello', 2, 'doc', Uint8Array.of(0)]]],
    ['a state vector that is none', [['hello', 1, 'doc', hex('ff')]]],
    ['a message of no kind', [hello, ['format the disk']]],
    ['an update that is text', [hello, ['update', 1, 'text']]],
    ['awareness that is none', [hello, ['aware', hex('05')]]],
  ] as [string, unknown[]][])('that begins with %s is told so', async (_what, messages) => {
    const host = await Host.open();
    await expect(host.raw('mallory', messages)).rejects.toMatchObject({ code: 'malformed-update' });
    expect(host.scores.score('mallory')).toBe(75);
  });

  it('that may only read is refused what it writes, which costs it nothing', async () => {
    const host = await Host.open();
    const time = { wallMs: 1, counter: 0 };
    const rights: Rights = { readers: 'all', writers: [], time, by: 'o' };
    await host.store.use('doc', (document) => document.setRights(rights));
    const update = typed('mallory', 'mine');
    const answers = await host.raw('mallory', [hello, ['update', 1, update]]);
    expect(answers[1]).toMatchObject(['refused', 1, 'not-allowed', expect.anything()]);
    expect(await host.text()).toBe('');
    expect(host.scores.score('mallory')).toBe(100);
  });

  it('cannot say who is here in the name of another', async () => {
    const host = await Host.open();
    const document = new Y.Doc();
    document.clientID = clientIdOf(authorOf('another'), 1);
    const awareness = new Awareness(document);
    awareness.setLocalState({ name: 'another' });
    const aware = encodeAwarenessUpdate(awareness, [document.clientID]);
    awareness.destroy();
    await expect(host.raw('mallory', [hello, ['aware', aware]])).rejects.toMatchObject({
      code: 'forged-author',
    });
  });
});

describe('any bytes', () => {
  it('are not even decoded when there are too many', () => {
    const bytes = new Uint8Array(UPDATE_BYTES_MAX + 1);
    expect(() => checkUpdate(bytes, new Y.Doc(), null)).toThrow(/8388609 bytes, and 8388608 are/);
  });

  it('are refused, or applied whole', () => {
    const sample = crafted((one) => {
      const text = one.getText('text');
      text.insert(0, 'some text', { bold: true });
      text.delete(2, 3);
      one.getMap('map').set('k', [1, { a: null }]);
    });
    const damage = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(damage, fc.boolean(), (changes, isTrusted) => {
        const bytes = sample.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        const document = new Y.Doc();
        Y.applyUpdate(document, victims);
        let checked: Uint8Array;
        try {
          checked = checkUpdate(bytes, document, isTrusted ? null : mallory);
        } catch (error) {
          if (!(error instanceof DocumentError)) throw error;
          return;
        }
        Y.applyUpdate(document, checked);
        expect(document.store.pendingStructs).toBeNull();
        expect(document.getText('text').toString()).toContain('h');
      }),
      { seed: SEED, numRuns: 2_000 },
    );
  });
});

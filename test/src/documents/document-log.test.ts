import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DocumentStore, authorOf } from '../../../src/documents/index.js';
import { documentFrames } from '../../../src/documents/document-file.js';
import { Host, scratch, typed } from './support.js';

/** A folder with one document that has three updates, a frame each. */
async function written(): Promise<{ directory: string; path: string; lengths: number[] }> {
  const directory = scratch();
  const host = await Host.open(directory);
  const lengths: number[] = [];
  const path = (): string => join(directory, readdirSync(directory)[0]!);
  for (const peer of ['a', 'b', 'c']) {
    await host.store.use('doc', (document) =>
      document.apply(typed(peer, peer), authorOf(peer), {}),
    );
    lengths.push(readFileSync(path()).length);
  }
  await host.store.close();
  return { directory, path: path(), lengths };
}

const sorted = (text: string): string => [...text].sort().join('');
const textIn = async (directory: string): Promise<string> => {
  const host = await Host.open(directory);
  const text = sorted(await host.text());
  await host.store.close();
  return text;
};

describe('the file of a document', () => {
  it('has these bytes', () => {
    const bytes = Buffer.concat([
      documentFrames.encodeHeader('é'),
      documentFrames.encodeFrame([
        { kind: 'update', bytes: Uint8Array.of(1, 2) },
        { kind: 'rights', bytes: Uint8Array.of(3) },
      ]),
    ]);
    expect(bytes.toString('hex')).toBe(
      '414679646f63310a02000000c3a912af8be30d00000003dd685801020000000102020100000003',
    );
    expect(documentFrames.decode(bytes, 'x')).toMatchObject({ name: 'é', bytes: bytes.length });
    expect(documentFrames.decode(bytes, 'x').records).toHaveLength(2);
  });

  it('that was cut anywhere in its last frame is read up to it, and goes on from there', async () => {
    const { directory, path, lengths } = await written();
    const whole = readFileSync(path);
    const [first, second, last] = lengths as [number, number, number];
    for (const length of [second, second + 1, second + 9, last - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      expect(await textIn(directory)).toBe('ab');
    }
    writeFileSync(path, Buffer.concat([whole.subarray(0, second), Buffer.alloc(last - second)]));
    expect(await textIn(directory)).toBe('ab');
    expect(first).toBeLessThan(second);
    const host = await Host.open(directory);
    await host.store.use('doc', (document) => document.apply(typed('d', 'd'), authorOf('d'), {}));
    await host.store.close();
    expect(await textIn(directory)).toBe('abd');
  });

  it.each([
    ['in the middle', (lengths: number[]) => lengths[0]! + 12],
    ['in the header', () => 13],
    ['in its format', () => 6],
  ])('that is damaged %s is left as it is', async (_where, at) => {
    const { directory, path, lengths } = await written();
    const bytes = readFileSync(path);
    bytes[at(lengths)]! ^= 0xff;
    writeFileSync(path, bytes);
    const complaints: string[] = [];
    const store = await DocumentStore.open(directory, (sentence) => complaints.push(sentence));
    await expect(store.use('doc', () => undefined)).rejects.toMatchObject({ code: 'damaged' });
    await store.close();
    expect(readFileSync(path)).toEqual(bytes);
  });

  it('is written anew when it has grown, with the same content', async () => {
    const directory = scratch();
    const host = await Host.open(directory);
    const peer = host.peer('a');
    await peer.ready;
    let most = 0;
    for (let round = 0; round < 60; round += 1) {
      peer.text().insert(0, 'x'.repeat(10_000));
      peer.text().delete(0, 9_999);
      peer.text().insert(0, `${round} `.repeat(1_000));
      peer.text().delete(0, peer.text().length - 100);
      await peer.saved();
      most = Math.max(most, readFileSync(join(directory, readdirSync(directory)[0]!)).length);
    }
    const text = peer.text().toString();
    await peer.close();
    await host.store.close();
    expect(most).toBeLessThan(600_000);
    const again = await Host.open(directory);
    expect(await again.text()).toBe(text);
    expect(readdirSync(directory)).toHaveLength(1);
  });
});

describe('a document', () => {
  it('acknowledges nothing that its disk has not, and comes back when that has', async () => {
    const directory = scratch();
    const host = await Host.open(directory);
    rmSync(directory, { recursive: true });
    await host.store.use('doc', (document) =>
      expect(document.apply(typed('a', 'a'), authorOf('a'), {})).rejects.toMatchObject({
        code: 'disk',
      }),
    );
    mkdirSync(directory);
    expect(await host.text()).toBe('');
    await host.store.use('doc', (document) => document.apply(typed('b', 'b'), authorOf('b'), {}));
    expect(await host.text()).toBe('b');
  });

  it('ends where its bounds are, and says so', async () => {
    const host = await Host.open();
    const half = typed('a', 'x'.repeat(5 * 1024 * 1024));
    await host.store.use('doc', (document) => document.apply(half, authorOf('a'), {}));
    await host.store.use('doc', (document) => {
      const more = typed('b', 'y'.repeat(4 * 1024 * 1024));
      return expect(document.apply(more, authorOf('b'), {})).rejects.toThrow(
        /begin another document/,
      );
    });
    expect((await host.text()).length).toBe(5 * 1024 * 1024);
  });
});

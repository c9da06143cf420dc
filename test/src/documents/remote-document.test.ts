import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { authorOf, authorOfClient } from '../../../src/documents/index.js';
import { Host, eventually, scratch } from './support.js';

describe('peers of a document', () => {
  it('see what the others type, one that comes late included', async () => {
    const host = await Host.open();
    const [a, b] = [host.peer('a'), host.peer('b')];
    await Promise.all([a.ready, b.ready]);
    a.text().insert(0, 'hello');
    b.text().insert(0, 'world ');
    await Promise.all([a.saved(), b.saved()]);
    await eventually(() => expect(a.text().toString()).toBe(b.text().toString()));
    expect(a.text().toString()).toMatch(/hello/);
    const late = host.peer('late');
    await late.ready;
    expect(late.text().toString()).toBe(a.text().toString());
    expect(await host.text()).toBe(a.text().toString());
    expect(authorOfClient(a.document.clientID)).toBe(authorOf('a'));
  });

  it('have all kinds of types, and undo what is their own', async () => {
    const host = await Host.open();
    const [a, b] = [host.peer('a'), host.peer('b')];
    await Promise.all([a.ready, b.ready]);
    const history = a.history(a.document.getMap('map'));
    a.document.getMap('map').set('k', new Y.Array());
    b.document.getArray('list').push([{ deep: [1, null, 'x'] }]);
    await Promise.all([a.saved(), b.saved()]);
    await eventually(() => expect(b.document.getMap('map').size).toBe(1));
    await eventually(() => expect(a.document.getArray('list').length).toBe(1));
    history.undo();
    await eventually(() => expect(b.document.getMap('map').size).toBe(0));
    expect(b.document.getArray('list').toJSON()).toEqual([{ deep: [1, null, 'x'] }]);
    history.redo();
    await eventually(() => expect(b.document.getMap('map').size).toBe(1));
  });

  it('say who is here, and are gone when they close', async () => {
    const host = await Host.open();
    const [a, b] = [host.peer('a'), host.peer('b')];
    await Promise.all([a.ready, b.ready]);
    a.awareness.setLocalStateField('name', 'Ada');
    await eventually(() => {
      expect(b.awareness.getStates().get(a.document.clientID)).toMatchObject({ name: 'Ada' });
    });
    const late = host.peer('late');
    await eventually(() => {
      expect(late.awareness.getStates().get(a.document.clientID)).toMatchObject({ name: 'Ada' });
    });
    const client = a.document.clientID;
    await a.close();
    await eventually(() => expect(b.awareness.getStates().has(client)).toBe(false));
  });

  it('go on after each loss of the connection, with what they typed meanwhile', async () => {
    const host = await Host.open();
    const [a, b] = [host.peer('a'), host.peer('b')];
    await Promise.all([a.ready, b.ready]);
    for (let round = 0; round < 5; round += 1) {
      host.isReachable = false;
      for (const cut of host.cut.splice(0)) cut();
      a.text().insert(0, `a${round}`);
      b.text().insert(b.text().length, `b${round}`);
      host.isReachable = true;
      await Promise.all([a.saved(), b.saved()]);
    }
    await eventually(() => expect(a.text().toString()).toBe(b.text().toString()));
    for (let round = 0; round < 5; round += 1) expect(a.text().toString()).toContain(`b${round}`);
    expect(host.streams).toBeGreaterThan(2);
  });

  it('are told what they lack, and nothing else', async () => {
    const host = await Host.open();
    const writer = host.peer('writer');
    await writer.ready;
    writer.text().insert(0, 'x'.repeat(10_000));
    await writer.saved();
    const before = Y.encodeStateVector(writer.document);
    writer.text().insert(0, 'later');
    await writer.saved();
    const [welcome] = await host.raw('reader', [['hello', 1, 'doc', before]]);
    const [, , , , update] = welcome as [string, number, boolean, Uint8Array, Uint8Array];
    expect(Buffer.from(update).includes('later')).toBe(true);
    expect(update.length).toBeLessThan(1_000);
  });

  it('send a burst of edits in few messages, and it is all there', async () => {
    const host = await Host.open();
    const [a, b] = [host.peer('a'), host.peer('b')];
    await Promise.all([a.ready, b.ready]);
    for (let at = 0; at < 20_000; at += 1) {
      if (at % 5 === 4) a.text().delete(at % a.text().length, 1);
      else a.text().insert(at % (a.text().length + 1), 'xyz'[at % 3]!);
    }
    await a.saved();
    await eventually(() => expect(b.text().toString()).toBe(a.text().toString()));
  });

  it('may be told to read only, while others write', async () => {
    const host = await Host.open();
    const time = { wallMs: 1, counter: 0 };
    const rights = { readers: 'all', writers: ['a'], time, by: 'x' } as const;
    await host.store.use('doc', (document) => document.setRights({ ...rights, writers: ['a'] }));
    const [a, b] = [host.peer('a'), host.peer('b')];
    await Promise.all([a.ready, b.ready]);
    expect([a.canWrite, b.canWrite]).toEqual([true, false]);
    await b.saved();
    a.text().insert(0, 'mine');
    await a.saved();
    await eventually(() => expect(b.text().toString()).toBe('mine'));
    b.text().insert(0, 'not yours');
    await expect(b.saved()).rejects.toMatchObject({ code: 'not-allowed' });
    expect(await host.text()).toBe('mine');
    await host.store.use('doc', (document) => {
      const later = { ...time, counter: 1 };
      return document.setRights({ readers: ['a'], writers: ['a'], time: later, by: 'x' });
    });
    const c = host.peer('c');
    await expect(c.ready).rejects.toMatchObject({ code: 'not-allowed' });
    await host.peer('operator', 'doc', true).ready;
  });

  it('find their document again when the node is closed and opened', async () => {
    const directory = scratch();
    const host = await Host.open(directory);
    const a = host.peer('a', 'Ünï/../name');
    await a.ready;
    a.text().insert(0, 'kept');
    await a.saved();
    await a.close();
    await host.store.close();
    const again = await Host.open(directory);
    expect([...again.store.names]).toEqual(['Ünï/../name']);
    expect(await again.text('Ünï/../name')).toBe('kept');
  });

  it.each(['', 'x'.repeat(257), 'a\nb', '\ud800'])('cannot open %j', async (name) => {
    const host = await Host.open();
    await expect(host.store.use(name, () => undefined)).rejects.toMatchObject({ code: 'bad-name' });
  });
});

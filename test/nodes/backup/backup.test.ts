/** A backup through a member that is played by the test; every byte of the file counts. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { Replica } from '../../../consensus/crdt/index.js';
import { readAvailable } from '../../../nodes/backup/available.js';
import { readDocuments } from '../../../nodes/backup/documents.js';
import { decodeAbout, decodeEnd, encodeEnd, requireDigest } from '../../../nodes/backup/format.js';
import { checkBackup, countRows, documentsOf, namespacesOf } from '../../../nodes/backup/read.js';
import { takeBackup } from '../../../nodes/backup/take.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { PreparedSnapshots } from '../../../nodes/snapshots/prepared.js';
import { packPrepared, parsePrepare, parseRead } from '../../../nodes/snapshots/messages.js';
import type { SourceCall } from '../../../nodes/snapshots/sources.js';
import { encodeControlState } from '../../../nodes/wire/state-codec.js';
import { RandomStream } from '../../../sim/world/random.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { State, scratch, seedOf, someRecords } from '../snapshots/support.js';

const random = new RandomStream(seedOf('backup'), 'backup');
const about = {
  swarmId: 'swarm',
  nodeId: 3,
  index: 10,
  swarmVersion: 2,
  takenAtMs: 1_700_000_000_000,
  release: '2.0.0',
} as const;

/** A member that gives backups; `fail` may make a call fail or change its answer. */
function memberWith(
  bytes: number,
  fail: (method: string, answer: unknown) => unknown = (_method, answer) => answer,
  bytesPerSecondMax = 0,
  documents: ReadonlyMap<string, object> | undefined = undefined,
  namespaces: ReadonlyMap<string, Uint8Array> | undefined = undefined,
): SourceCall {
  const state = new State(someRecords(bytes, random), 10);
  const control = newControlState({
    swarmId: 'swarm',
    joinTokenHash: 'j',
    clientTokenHash: 'c',
    swarmVersion: 2,
    peerId: 'p',
    host: 'h',
    port: 1,
  });
  const prepared = new PreparedSnapshots({
    directory: scratch('outgoing'),
    view: () => ({ ...state.view(), controlState: encodeControlState(control) }),
    appliedIndex: () => state.index,
    bytesPerSecondMax,
    log: () => undefined,
    now: () => performance.now(),
  });
  return async (_nodeId, method, payload) => {
    if (method === 'swarm.backupBegin') {
      return { swarmId: 'swarm', nodeId: 3, swarmVersion: 2, appliedIndex: 10 };
    }
    if (method.startsWith('documents.')) {
      if (documents === undefined) throw new RpcError('unknown-method', 'no documents here');
      const { after = '', name = '' } = payload as { after?: string; name?: string };
      if (method === 'documents.export') return documents.get(name);
      const names = [...documents.keys()].filter((one) => one > after).sort();
      return { names: names.slice(0, 2), isAll: names.length <= 2 };
    }
    if (method.startsWith('available.')) {
      if (namespaces === undefined) throw new RpcError('unknown-method', 'no namespaces here');
      if (method === 'available.exportable') return { names: [...namespaces.keys()] };
      const { namespace, at } = payload as { namespace: string; at: number };
      const state = namespaces.get(namespace)!;
      return fail(method, { total: state.length, bytes: state.subarray(at, at + 7) });
    }
    if (method === 'raft.snapshotPrepare') {
      return packPrepared(await prepared.prepare(parsePrepare(payload)));
    }
    return fail(method, await prepared.read(parseRead(payload)));
  };
}

/** As a member exports them. */
function someDocuments(count: number): ReadonlyMap<string, object> {
  const rights = { readers: 'all', writers: ['me'], time: { wallMs: 5, counter: 1 }, by: 'me' };
  const numbers = Array.from({ length: count }, (_, at) => at);
  return new Map(
    numbers.map((at) => [`doc ${at}`, { rights, update: Buffer.from([0, at, at, 0]) }]),
  );
}

/** As a member exports them. */
function someNamespaces(names: readonly string[]): ReadonlyMap<string, Uint8Array> {
  return new Map(
    names.map((name) => {
      const replica = new Replica({ id: 'a', members: [] }, { snapshot: null, records: [] });
      const mutation = {
        type: 'write',
        path: [{ kind: 'multi-value', key: name }],
        value: 7,
      } as const;
      replica.step({ type: 'mutate', token: 1, mutation, nowMs: 1_000 });
      return [name, replica.state];
    }),
  );
}

async function taken(path: string, call: SourceCall, signal = AbortSignal.timeout(20_000)) {
  return takeBackup({ call, path, release: '2.0.0', now: () => about.takenAtMs, signal });
}

const never = new AbortController().signal;

describe('the end of a backup', () => {
  it('has the bytes of version 1', () => {
    const trailer = Buffer.from('trailer');
    const bytes = encodeEnd(trailer, about);
    const text =
      '{"swarmId":"swarm","nodeId":3,"index":10,"swarmVersion":2,' +
      '"takenAtMs":1700000000000,"release":"2.0.0"}';
    expect(bytes.toString('latin1', 0, text.length)).toBe(text);
    const end = bytes.subarray(text.length);
    expect(end.toString('hex')).toBe(
      '414632424b55500a0100000066000000' +
        '04d13944e703e747460c7488bc9718886f32020b56087dadb5d6d0866940e7df',
    );
    const ending = decodeEnd('f', end);
    expect(ending.aboutBytes).toBe(text.length);
    expect(decodeAbout('f', bytes.subarray(0, text.length), ending)).toEqual(about);
    requireDigest('f', trailer, bytes.subarray(0, text.length), end);
  });

  it('has version 2 when documents stand before it, and no other', () => {
    const documents = { count: 1, bytes: 9, sha256: 'ab'.repeat(32) };
    const bytes = encodeEnd(Buffer.from('trailer'), { ...about, documents });
    const end = bytes.subarray(-48);
    expect(end.toString('hex')).toBe(
      '414632424b55500a02000000d4000000' +
        'e2ffa17bf710fd6a049462c01c2c9b13ef2555c030eb8e92ce3d52acf5035465',
    );
    const text = bytes.subarray(0, -48);
    expect(decodeAbout('f', text, decodeEnd('f', end)).documents).toEqual(documents);
    end.writeUInt32LE(1, 8);
    expect(() => decodeAbout('f', text, decodeEnd('f', end))).toThrow(/contradict/);
  });

  it('has version 3 when available namespaces stand before it, with documents or without', () => {
    const part = { count: 1, bytes: 9, sha256: 'ab'.repeat(32) };
    for (const [parts, digest] of [
      [
        { available: part },
        '414632424b55500a03000000d4000000' +
          'df98f488f216b05c3ab184af0dcdcf785a7affec6c813f913b1be6af0a45de25',
      ],
      [
        { documents: part, available: part },
        '414632424b55500a0300000042010000' +
          'b5c199a08642a1c8fb27e2d476273b89b29dc7233db835a8de5aefe44308b595',
      ],
    ] as const) {
      const bytes = encodeEnd(Buffer.from('trailer'), { ...about, ...parts });
      const [text, end] = [bytes.subarray(0, -48), bytes.subarray(-48)];
      expect(end.toString('hex')).toBe(digest);
      expect(decodeAbout('f', text, decodeEnd('f', end))).toEqual({ ...about, ...parts });
      for (const version of [1, 2]) {
        end.writeUInt32LE(version, 8);
        expect(() => decodeAbout('f', text, decodeEnd('f', end))).toThrow(/contradict/);
      }
    }
  });

  it('of a later version is refused with what to do', () => {
    const end = encodeEnd(Buffer.alloc(0), about).subarray(-48);
    end.writeUInt32LE(4, 8);
    expect(() => decodeEnd('f', end)).toThrow(/version 4.*use the release that took it/);
  });
});

describe('a backup', () => {
  it('holds what the member gave, and counts it', async () => {
    const path = scratch('backup');
    expect((await taken(path, memberWith(3_000_000))).about).toEqual(about);
    const checked = await checkBackup(path, never);
    expect(checked.about).toEqual(about);
    expect(checked.control.swarmId).toBe('swarm');
    expect(countRows(path, checked).get('patterns')).toBeGreaterThan(100);
  });

  it('holds the documents of the member with their rights, page by page', async () => {
    const path = scratch('backup');
    const { about: told } = await taken(path, memberWith(1_500, undefined, 0, someDocuments(5)));
    const { sha256, ...size } = told.documents ?? {};
    expect(size).toEqual({ count: 5, bytes: 5 * (12 + 5 + 76 + 4) });
    expect(sha256).toBe('7ae56cc580482bbd87c5649b8f1122c326dc6b1c9521e34766cd621dc32292b3');
    const read = [];
    for await (const one of documentsOf(path, await checkBackup(path, never))) read.push(one);
    expect(read.map(({ name }) => name)).toEqual(['doc 0', 'doc 1', 'doc 2', 'doc 3', 'doc 4']);
    expect(read.map(({ name, rights, update }) => [name, { rights, update }])).toEqual([
      ...someDocuments(5),
    ]);
    expect(
      (await taken(scratch('none'), memberWith(1_500, undefined, 0, new Map()))).about,
    ).toEqual(about);
  });

  it('holds the available namespaces of the member, which come in pieces', async () => {
    const path = scratch('backup');
    const namespaces = someNamespaces(['a', 'é']);
    const call = memberWith(1_500, undefined, 0, someDocuments(1), namespaces);
    expect((await taken(path, call)).about.available).toEqual({
      count: 2,
      bytes: 56,
      sha256: 'f81ee0fa57afafa3d8169dcebf543fd1010ea2a5b03c304debb045da0bfe908e',
    });
    const checked = await checkBackup(path, never);
    const read = [];
    for await (const { name, state } of namespacesOf(path, checked)) read.push([name, state]);
    expect(read).toEqual([...namespaces].map(([name, state]) => [name, Buffer.from(state)]));
    const documents = [];
    for await (const { name } of documentsOf(path, checked)) documents.push(name);
    expect(documents).toEqual(['doc 0']);
  });

  it('is not taken from a member whose namespaces are out of order or do not fit', async () => {
    const order = memberWith(1_500, undefined, 0, undefined, someNamespaces(['b', 'a']));
    await expect(taken(scratch('order'), order)).rejects.toThrow(/namespaces out of order/);
    const changes: ((piece: { total: number; bytes: Uint8Array }) => object)[] = [
      ({ total }) => ({ total, bytes: new Uint8Array() }),
      ({ total }) => ({ total, bytes: new Uint8Array(total + 1) }),
      ({ total, bytes }) => ({ total: bytes.length < 7 ? total + 1 : total, bytes }),
      ({ bytes }) => ({ total: 2 ** 40, bytes }),
    ];
    for (const change of changes) {
      const fail = (method: string, answer: unknown): unknown =>
        method === 'available.export' ? change(answer as never) : answer;
      const call = memberWith(1_500, fail, 0, undefined, someNamespaces(['a']));
      const path = scratch('pieces');
      await expect(taken(path, call)).rejects.toThrow(/do not fit|total/);
      expect(existsSync(path)).toBe(false);
    }
  });

  it('holds namespaces that are some, in order, and within their bounds', async () => {
    const path = scratch('namespaces');
    const field = (bytes: Uint8Array): Buffer => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    };
    const state = someNamespaces(['a']).get('a')!;
    const record = (name: string, bytes: Uint8Array): Buffer =>
      Buffer.concat([field(Buffer.from(name)), field(bytes)]);
    const claim = (length: number): Buffer => {
      const bytes = Buffer.alloc(64);
      bytes.writeUInt32LE(length);
      return bytes;
    };
    const refused: [Buffer, number, RegExp][] = [
      [Buffer.concat([record('b', state), record('a', state)]), 2, /not in order, or twice/],
      [Buffer.concat([record('a', state), record('a', state)]), 2, /not in order, or twice/],
      [record('', state), 1, /has no name/],
      [record('a\0', state), 1, /has no name/],
      [Buffer.concat([field(Buffer.of(0xff)), field(state)]), 1, /has no name/],
      [record('a', state.subarray(0, -1)), 1, /namespace a in it is none/],
      [record('a', Buffer.from('garbage')), 1, /namespace a in it is none/],
      [record('a', state), 1, /is damaged/],
      [Buffer.concat([record('a', state), Buffer.of(0)]), 1, /bytes follow/],
      [claim(2 ** 32 - 1), 1, /is cut off/],
      [claim(61), 1, /is cut off/],
      [record('x'.repeat(5_000), state), 1, /is cut off/],
    ];
    const file = await open(path, 'w+');
    for (const [bytes, count, sentence] of refused) {
      await file.write(bytes, 0, bytes.length, 0);
      const part = { count, bytes: bytes.length, sha256: 'ab'.repeat(32) };
      const reading = (async () => {
        for await (const _ of readAvailable(path, file, 0, part));
      })();
      await expect(reading).rejects.toThrow(sentence);
    }
    await file.close();
  });

  it('is not taken from a member that lists documents again and again', async () => {
    const member = memberWith(1_500, undefined, 0, someDocuments(3));
    const call: SourceCall = (nodeId, method, payload, options) => {
      const isList = method === 'documents.list';
      return member(nodeId, method, isList ? { after: '' } : payload, options);
    };
    await expect(taken(scratch('again'), call)).rejects.toThrow(/out of order/);
  });

  it('is read no further than its documents reach, whatever lengths they claim', async () => {
    const path = scratch('claims');
    const part = { count: 1, bytes: 20, sha256: 'ab'.repeat(32) };
    const file = await open(path, 'w+');
    for (const length of [21, 17, 2 ** 31, 2 ** 32 - 1]) {
      const bytes = Buffer.alloc(64);
      bytes.writeUInt32LE(length);
      await file.write(bytes, 0, 64, 0);
      await expect(readDocuments(path, file, 0, part).next()).rejects.toThrow(/is cut off/);
    }
    await file.close();
  });

  it('is refused when any one byte of it is changed, or its end is missing', async () => {
    const path = scratch('backup');
    const namespaces = someNamespaces(['n', 'o']);
    await taken(path, memberWith(1_500, undefined, 0, someDocuments(2), namespaces));
    const whole = readFileSync(path);
    const damaged = scratch('damaged');
    const ends = Array.from({ length: 700 }, (_, i) => whole.length - 1 - i);
    const others = Array.from({ length: 200 }, () => random.integer(0, whole.length - 1));
    for (const at of [...ends, ...others]) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ (1 << random.integer(0, 7));
      writeFileSync(damaged, bytes);
      await expect(checkBackup(damaged, never), `byte ${at}`).rejects.toThrow(
        /cannot be used|damaged at byte|cut off|use the release/,
      );
    }
    for (let length = 0; length < whole.length; length += 997) {
      writeFileSync(damaged, whole.subarray(0, length));
      await expect(checkBackup(damaged, never)).rejects.toThrow(/cannot be used|cut off/);
    }
  });

  it('is a regular file, or refused with its name and without waiting for a writer', async () => {
    const folder = scratch('folder');
    mkdirSync(folder);
    const pipe = scratch('pipe');
    execFileSync('mkfifo', [pipe]);
    for (const path of [folder, pipe, '/dev/zero']) {
      await expect(checkBackup(path, never)).rejects.toThrow(
        `the backup ${path} cannot be used: it is no regular file`,
      );
    }
    const missing = scratch('missing');
    await expect(checkBackup(missing, never)).rejects.toThrow(`there is no backup at ${missing}`);
  });

  it('is whole though reads fail or bring other bytes now and then', async () => {
    const path = scratch('backup');
    let reads = 0;
    const call = memberWith(2_000_000, (_method, answer) => {
      reads += 1;
      if (reads % 5 === 3) throw new RpcError('deadline-exceeded', 'late');
      // Not the manifest, which is read first and by itself.
      if (reads % 7 !== 6) return answer;
      const bytes = Buffer.from(answer as Uint8Array);
      bytes[0] = bytes[0]! ^ 1;
      return new Uint8Array(bytes);
    });
    await taken(path, call);
    await checkBackup(path, never);
    expect(reads).toBeGreaterThan(8);
  });

  it('is read no faster than the member wants', async () => {
    const path = scratch('backup');
    const rate = 2_000_000;
    const startedMs = performance.now();
    const { fileBytes } = await taken(path, memberWith(2_500_000, undefined, rate));
    const atOnceBytes = 512 * 1024;
    // At least so long: what is more than one block waits for its turn.
    const leastMs = ((2_500_000 - atOnceBytes) / rate) * 1_000;
    expect(fileBytes).toBeGreaterThan(2_500_000);
    expect(performance.now() - startedMs).toBeGreaterThan(leastMs);
    await checkBackup(path, never);
  });

  it('that fails or is given up leaves no file', async () => {
    const path = scratch('backup');
    const gone = memberWith(2_000_000, () => {
      throw new RpcError('unavailable', 'gone');
    });
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('interrupted')), 300);
    await expect(taken(path, gone, stop.signal)).rejects.toThrow(/gone|interrupted/);
    expect([existsSync(path), existsSync(`${path}.unfinished`)]).toEqual([false, false]);
  });
});

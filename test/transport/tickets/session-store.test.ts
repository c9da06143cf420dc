import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIdentity, identityFromPrivateKey } from '../../../transport/identity/index.js';
import {
  DiskSessionStore,
  MemorySessionStore,
  type TicketError,
} from '../../../transport/tickets/index.js';
import { SESSIONS_MAX, SESSION_BYTES_MAX } from '../../../transport/tickets/limits.js';
import { SessionIndex } from '../../../transport/tickets/session-index.js';
import { sessionEndMs } from '../../../transport/tickets/session-lifetime.js';
import { SessionSeal } from '../../../transport/tickets/session-seal.js';
import { newSession, quicheConfig } from '../quic/early-quiche.js';
import { fuzz } from '../seed.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
const identity = createIdentity();
const peerId = createIdentity().peerId;
const session = Buffer.from('a session');

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'sessions-')), 'sessions');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

function openStore(options: { now?: () => number; privateKeyPem?: string } = {}) {
  const problems: TicketError[] = [];
  const store = new DiskSessionStore({
    directory,
    privateKeyPem: identity.privateKeyPem,
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  return { store, problems };
}

/** The one file in the directory. */
function onlyFile(): string {
  const names = readdirSync(directory);
  expect(names).toHaveLength(1);
  return join(directory, names[0]!);
}

describe.each([
  ['in memory', (now: () => number) => new MemorySessionStore({ now })],
  ['on disk', (now: () => number) => openStore({ now }).store],
])('sessions %s', (_where, open) => {
  it('are handed out once', () => {
    const store = open(Date.now);
    expect(store.take(peerId)).toBeUndefined();
    store.put(peerId, session);
    expect(store.take('another peer')).toBeUndefined();
    expect(Buffer.from(store.take(peerId)!)).toEqual(session);
    expect(store.take(peerId)).toBeUndefined();
  });

  it('are replaced by newer ones', () => {
    const store = open(Date.now);
    store.put(peerId, Buffer.from('old'));
    store.put(peerId, session);
    expect(Buffer.from(store.take(peerId)!)).toEqual(session);
    expect(store.take(peerId)).toBeUndefined();
  });

  it('are of no use after seven days, or when the clock went back', () => {
    let nowMs = Date.now();
    const store = open(() => nowMs);
    store.put(peerId, session);
    nowMs += 7 * DAY_MS;
    expect(store.take(peerId)).toBeUndefined();
    store.put(peerId, session);
    nowMs -= 1;
    expect(store.take(peerId)).toBeUndefined();
  });

  it('are of no use when they say so themselves', () => {
    let nowMs = Date.now();
    const store = open(() => nowMs);
    const real = newSession(quicheConfig());
    store.put(peerId, real);
    expect(store.take(peerId)).toEqual(real);
    store.put(peerId, real);
    nowMs = sessionEndMs(real)!;
    expect(store.take(peerId)).toBeUndefined();
  });

  it('are not kept when they are too large', () => {
    const store = open(Date.now);
    store.put(peerId, new Uint8Array(SESSION_BYTES_MAX + 1));
    expect(store.take(peerId)).toBeUndefined();
    store.put(peerId, new Uint8Array(SESSION_BYTES_MAX));
    expect(store.take(peerId)).toHaveLength(SESSION_BYTES_MAX);
  });

  it('are kept for a number of peers, the latest', () => {
    const store = open(Date.now);
    for (let peer = 0; peer < SESSIONS_MAX + 50; peer += 1) store.put(`peer ${peer}`, session);
    const isThere = (peer: number): boolean => store.take(`peer ${peer}`) !== undefined;
    const peers = Array.from({ length: SESSIONS_MAX + 50 }, (_, peer) => peer);
    // Files that were stored within one tick of the system's clock may go in any order.
    expect(peers.slice(-900).every(isThere)).toBe(true);
    expect(peers.slice(0, -900).filter(isThere)).toHaveLength(SESSIONS_MAX - 900);
  });
});

describe('stored sessions', () => {
  it('outlive the process', () => {
    openStore().store.put(peerId, session);
    expect(Buffer.from(openStore().store.take(peerId)!)).toEqual(session);
  });

  it('are sealed, named after nobody, and for the owner only', () => {
    openStore().store.put(peerId, session);
    const file = onlyFile();
    expect(file).toMatch(/\/[0-9a-f]{32}\.session$/);
    expect(readFileSync(file).includes(session)).toBe(false);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it('are nothing to another identity, and not touched by it', () => {
    openStore().store.put(peerId, session);
    const { privateKeyPem } = createIdentity();
    expect(openStore({ privateKeyPem }).store.take(peerId)).toBeUndefined();
    expect(openStore().store.take(peerId)).toBeDefined();
  });

  it('are dropped when they are damaged, cut, of another version or of another peer', () => {
    const { store, problems } = openStore();
    store.put(peerId, session);
    const sound = readFileSync(onlyFile());
    const another = Buffer.from(sound);
    another[0] = 2;
    const flipped = Buffer.from(sound);
    flipped[20]! ^= 1;
    for (const bytes of [
      another,
      flipped,
      sound.subarray(0, -1),
      sound.subarray(0, 5),
      Buffer.alloc(0),
      Buffer.alloc(100_000),
    ]) {
      store.put(peerId, session);
      writeFileSync(onlyFile(), bytes);
      expect(store.take(peerId)).toBeUndefined();
      expect(readdirSync(directory)).toEqual([]);
    }
    store.put(peerId, session);
    const file = onlyFile();
    store.put('another peer', session);
    const other = readdirSync(directory).find((name) => !file.endsWith(name))!;
    renameSync(join(directory, other), file);
    expect(store.take(peerId)).toBeUndefined();
    expect(problems).toEqual([]);
  });

  it('that nobody asked for are removed in time, and what was left unfinished', () => {
    const { store } = openStore();
    store.put(peerId, session);
    const file = onlyFile();
    const longAgo = new Date(Date.now() - 8 * DAY_MS);
    utimesSync(file, longAgo, longAgo);
    // No process has this number: it is above the largest that Linux gives.
    writeFileSync(`${file}.unfinished-4194305-00ff`, 'cut');
    writeFileSync(join(directory, 'of somebody else'), '');
    openStore();
    expect(readdirSync(directory)).toEqual(['of somebody else']);
  });

  it('beyond the limit are removed when another process opens them', () => {
    mkdirSync(directory);
    const seal = new SessionSeal(identity.privateKeyPem);
    for (let peer = 0; peer < SESSIONS_MAX + 10; peer += 1) {
      const file = join(directory, `${seal.nameOf(`peer ${peer}`)}.session`);
      writeFileSync(file, 'anything');
      const storedAt = new Date(Date.now() - (SESSIONS_MAX + 10 - peer) * 1_000);
      utimesSync(file, storedAt, storedAt);
    }
    openStore();
    const left = readdirSync(directory);
    expect(left).toHaveLength(SESSIONS_MAX);
    expect(left).not.toContain(`${seal.nameOf('peer 9')}.session`);
    expect(left).toContain(`${seal.nameOf('peer 10')}.session`);
  });

  it('do without a directory that cannot be made, and say so once', () => {
    writeFileSync(directory, 'a file');
    const { store, problems } = openStore();
    store.put(peerId, session);
    expect(store.take(peerId)).toBeUndefined();
    store.put(peerId, session);
    expect(problems).toHaveLength(1);
    expect(problems[0]!.code).toBe('unwritable');
    expect(problems[0]!.message).toContain(directory);
    // And with it again once it can.
    rmSync(directory);
    store.put(peerId, session);
    expect(store.take(peerId)).toBeDefined();
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'a file');
    store.put(peerId, session);
    expect(problems).toHaveLength(2);
  });
});

describe('the bytes of a stored session', () => {
  const pem =
    '-----BEGIN PRIVATE KEY-----\n' +
    'MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n' +
    '-----END PRIVATE KEY-----\n';

  it('follow from key, peer, time and nonce', () => {
    const seal = new SessionSeal(identityFromPrivateKey(pem).privateKeyPem);
    expect(seal.nameOf('peer')).toBe('5225e5e67dcedbbf89c51f205aeedd74');
    const stored = { usableUntilMs: 0x0102_0304_0506, session };
    const bytes = Buffer.from(seal.seal('peer', stored, Buffer.alloc(12, 7)));
    expect(bytes.toString('hex')).toBe(
      '0107070707070707070707070' +
        '78dc8fa3f7538fb636f3e18ef2dce697d3ea74f260e835784bebda8118e9335bd65',
    );
    const opened = seal.open('peer', bytes)!;
    expect(opened.usableUntilMs).toBe(stored.usableUntilMs);
    expect(Buffer.from(opened.session)).toEqual(session);
    expect(seal.open('pear', bytes)).toBeUndefined();
  });

  it('never make an exception, whatever they are', () => {
    const seal = new SessionSeal(pem);
    fuzz(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(seal.open('peer', Uint8Array.of(1, ...bytes))).toBeUndefined();
      }),
      300,
    );
  });
});

describe('the end of a session', () => {
  it('is read from what quiche gives', () => {
    const real = newSession(quicheConfig());
    const leftMs = sessionEndMs(real)! - Date.now();
    expect(leftMs).toBeGreaterThan(60 * 60 * 1_000);
    expect(leftMs).toBeLessThanOrEqual(7 * DAY_MS + 1_000);
  });

  it('is unknown, without an exception, of any other bytes', () => {
    const real = Buffer.from(newSession(quicheConfig()));
    fuzz(
      fc.property(fc.nat(400), fc.nat(255), fc.nat(real.length), (at, byte, length) => {
        const bytes = Buffer.from(real.subarray(0, length));
        if (at < length) bytes[at] = byte;
        sessionEndMs(bytes);
      }),
      1_000,
    );
    expect(sessionEndMs(Buffer.alloc(0))).toBeUndefined();
    expect(sessionEndMs(real.subarray(0, 20))).toBeUndefined();
  });
});

describe('the index of sessions', () => {
  it('keeps both bounds, and lets the oldest go', () => {
    const names = fc.array(fc.tuple(fc.nat(8), fc.nat(30)), { maxLength: 60 });
    fuzz(
      fc.property(names, (list) => {
        const index = new SessionIndex(5, 60);
        let kept: { readonly name: string; readonly bytes: number }[] = [];
        for (const [number, bytes] of list) {
          const name = `peer ${number}`;
          kept = [...kept.filter((entry) => entry.name !== name), { name, bytes }];
          const gone = [];
          const total = (): number => kept.reduce((sum, entry) => sum + entry.bytes, 0);
          while (kept.length > 5 || total() > 60) gone.push(kept.shift()!.name);
          expect(index.add(name, bytes)).toEqual(gone);
          expect(index.count).toBe(kept.length);
        }
      }),
      300,
    );
  });
});

async function start(): Promise<ChildProcess> {
  const script = new URL('./store-process.js', import.meta.url);
  const child = fork(script, [directory, identity.privateKeyPem]);
  children.push(child);
  await once(child, 'message');
  return child;
}

describe('several processes with one directory of sessions', () => {
  it('never get the same session', async () => {
    const { store } = openStore();
    const processes = await Promise.all([start(), start(), start()]);
    const peers = Array.from({ length: 200 }, (_, index) => `peer ${index}`);
    for (const peer of peers) store.put(peer, session);
    const answers = await Promise.all(
      processes.map(async (child) => {
        const answer = once(child, 'message');
        child.send(peers);
        return ((await answer) as [string[]])[0];
      }),
    );
    // Each was taken by exactly one: none twice, none lost.
    expect(answers.flat().sort()).toEqual([...peers].sort());
    expect(readdirSync(directory)).toEqual([]);
  });

  it('find whole sessions, and clear the rest, when one is killed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const child = await start();
      const isPutting = once(child, 'message');
      child.send('put');
      await isPutting;
      await new Promise((resolve) => setTimeout(resolve, 20 + round));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const { store, problems } = openStore();
      expect(readdirSync(directory).filter((name) => name.includes('unfinished'))).toEqual([]);
      for (const name of readdirSync(directory)) {
        expect(statSync(join(directory, name)).size).toBeGreaterThan(10_000);
      }
      const taken = Array.from({ length: 10 }, (_, peer) => store.take(`peer-${peer}`));
      expect(taken.filter((bytes) => bytes?.length === 10_000).length).toBeGreaterThan(0);
      expect(problems).toEqual([]);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { readAwareness } from '../../../src/documents/awareness-check.js';
import { type Presence, Presences, clientIdOf } from '../../../src/documents/index.js';
import {
  AWARENESS_BYTES_MAX,
  AWARENESS_BYTES_PER_NODE_MAX,
  AWARENESS_EXPIRY_MS,
  SESSIONS_PER_DOCUMENT_MAX,
} from '../../../src/documents/limits.js';

const AUTHOR = 7;
const ADA = clientIdOf(AUTHOR, 1);

/** What a client says of itself; null: it goes. */
function says(client: number, clock: number, state: object | null): Uint8Array {
  const awareness = new Awareness(new Y.Doc());
  awareness.states.clear();
  awareness.meta.set(client, { clock, lastUpdated: 0 });
  if (state !== null) awareness.states.set(client, state);
  const bytes = encodeAwarenessUpdate(awareness, [client]);
  awareness.destroy();
  return bytes;
}

/** A peer here, with what it sees of others. */
class Watcher {
  readonly #awareness = new Awareness(new Y.Doc());
  told = 0;

  constructor() {
    this.#awareness.setLocalState(null);
  }

  aware(bytes: Uint8Array): void {
    this.told += 1;
    applyAwarenessUpdate(this.#awareness, bytes, null);
  }

  get names(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#awareness.getStates()].map(([client, state]) => [client, state['name']]),
    );
  }
}

const NODES = new Set([2, 3]);
const named = (name: string): object => ({ name });

describe('the bytes of awareness', () => {
  it('are those of y-protocols, of one client', () => {
    const golden = '0107090e7b226e616d65223a22416461227d';
    expect(Buffer.from(says(7, 9, named('Ada'))).toString('hex')).toBe(golden);
    expect(readAwareness(Buffer.from(golden, 'hex'))).toMatchObject({
      client: 7,
      clock: 9,
      isHere: true,
    });
    expect(readAwareness(says(7, 9, null))).toMatchObject({ client: 7, clock: 9, isHere: false });
    expect(readAwareness(says(7, 0, named('nothing yet')))).toBeUndefined();
  });

  it('are refused when they are cut, of two clients, or longer when they are written anew', () => {
    const whole = says(7, 9, named('Ada'));
    for (let end = 0; end < whole.length; end += 1) {
      expect(() => readAwareness(whole.slice(0, end))).toThrow(/no awareness/);
    }
    const two = Uint8Array.of(2, ...whole.slice(1), ...says(8, 9, {}).slice(1));
    expect(() => readAwareness(two)).toThrow(/no awareness/);
    const numbers = `[${Array.from({ length: 800 }, () => '1e20').join()}]`;
    const json = Buffer.from(`{"a":${numbers}}`);
    const head = [1, 7, 9, (json.length & 0x7f) | 0x80, json.length >> 7];
    const swelling = Uint8Array.of(...head, ...json);
    expect(swelling.length).toBeLessThan(AWARENESS_BYTES_MAX);
    expect(() => readAwareness(swelling)).toThrow(/no awareness/);
  });
});

/** Two who have a document open, of whom Ada has said who she is. */
function adaAndBob() {
  const presences = new Presences();
  const [ada, bob] = [new Watcher(), new Watcher()];
  presences.enter('d', ada);
  presences.enter('d', bob);
  presences.say('d', ada, says(ADA, 1, named('Ada')), AUTHOR);
  return { presences, ada, bob };
}

describe('those who have a document open', () => {
  it('hear of each other here, and of those at other nodes, also when they come late', () => {
    const { presences, ada, bob } = adaAndBob();
    presences.take(2, 'd', says(5, 1, named('Eve')), 0);
    presences.take(2, 'another', says(6, 1, named('Mia')), 0);
    const late = new Watcher();
    presences.enter('d', late);
    expect(ada.names).toEqual({ 5: 'Eve' });
    for (const one of [bob, late]) expect(one.names).toEqual({ [ADA]: 'Ada', 5: 'Eve' });
    presences.leave('d', ada);
    presences.take(2, 'd', says(5, 1, null), 1);
    for (const one of [bob, late]) expect(one.names).toEqual({});
  });

  it('are told to other nodes as they change, and all of them', () => {
    const presences = new Presences();
    const ada = new Watcher();
    presences.enter('d', ada);
    presences.say('d', ada, says(ADA, 1, named('A')), AUTHOR);
    presences.say('d', ada, says(ADA, 2, named('Ada')), AUTHOR);
    const said = (one: Presence | undefined) => readAwareness(one?.bytes ?? new Uint8Array());
    const changed = presences.takeChanged();
    expect(changed.map(({ name, client }) => [name, client])).toEqual([['d', ADA]]);
    expect(said(changed[0])?.clock).toBe(2);
    expect(presences.takeChanged()).toEqual([]);
    expect(presences.all()).toEqual(changed);
    // What another node said is not said again: it says that itself.
    presences.take(2, 'd', says(5, 1, named('Eve')), 0);
    expect(presences.all()).toEqual(changed);
    presences.leave('d', ada);
    expect(said(presences.takeChanged()[0])?.isHere).toBe(false);
    expect(presences.all()).toEqual([]);
  });

  it('go when their node does not repeat it, or is no member any more', () => {
    const presences = new Presences();
    const bob = new Watcher();
    presences.enter('d', bob);
    presences.take(2, 'd', says(5, 1, named('Eve')), 0);
    presences.take(3, 'd', says(6, 1, named('Mia')), 0);
    presences.take(3, 'd', says(6, 1, named('Mia')), 1_000);
    // What is repeated is not told again.
    expect(bob.told).toBe(2);
    presences.expire(AWARENESS_EXPIRY_MS - 1, NODES);
    expect(bob.names).toEqual({ 5: 'Eve', 6: 'Mia' });
    presences.expire(AWARENESS_EXPIRY_MS, NODES);
    expect(bob.names).toEqual({ 6: 'Mia' });
    presences.expire(AWARENESS_EXPIRY_MS, new Set([2]));
    expect(bob.names).toEqual({});
  });

  it('speak for themselves: no other node says something in their name, or that they went', () => {
    const { presences, ada, bob } = adaAndBob();
    presences.take(2, 'd', says(5, 1, named('Eve')), 0);
    for (const state of [named('forged'), null]) {
      presences.take(3, 'd', says(ADA, 100, state), 0);
      presences.take(3, 'd', says(5, 100, state), 0);
    }
    // Nor does a node take back what it said later.
    presences.take(2, 'd', says(5, 2, named('Eva')), 0);
    presences.take(2, 'd', says(5, 1, named('Eve')), 0);
    expect(bob.names).toEqual({ [ADA]: 'Ada', 5: 'Eva' });
    expect(() => presences.say('d', ada, says(clientIdOf(8, 1), 1, {}), AUTHOR)).toThrow(
      /in the name of another peer/,
    );
  });

  it('move to another node, and come back to this one before the old session has ended', () => {
    const presences = new Presences();
    const [ada, bob, again] = [new Watcher(), new Watcher(), new Watcher()];
    for (const one of [ada, bob, again]) presences.enter('d', one);
    presences.take(2, 'd', says(ADA, 1, named('at 2')), 0);
    presences.say('d', ada, says(ADA, 2, named('here')), AUTHOR);
    presences.take(2, 'd', says(ADA, 1, null), 0);
    expect(bob.names).toEqual({ [ADA]: 'here' });
    presences.say('d', again, says(ADA, 3, named('again')), AUTHOR);
    presences.leave('d', ada);
    expect(bob.names).toEqual({ [ADA]: 'again' });
    presences.leave('d', again);
    expect(bob.names).toEqual({});
    presences.take(2, 'd', says(ADA, 4, named('at 2')), 0);
    expect(bob.names).toEqual({ [ADA]: 'at 2' });
  });

  it('are bounded: peers of a document, and what another node says', () => {
    const presences = new Presences();
    const bob = new Watcher();
    presences.enter('d', bob);
    const state = named('x'.repeat(4_000));
    const count = Math.ceil(AWARENESS_BYTES_PER_NODE_MAX / 4_000) + 100;
    for (let client = 1; client <= count; client += 1) {
      presences.take(2, 'd', says(client, 1, state), 0);
    }
    expect(Object.keys(bob.names).length).toBeLessThan(AWARENESS_BYTES_PER_NODE_MAX / 4_000);
    // The one beyond does not take the room of another node.
    presences.take(3, 'd', says(count + 1, 1, named('of 3')), 0);
    expect(bob.names[count + 1]).toBe('of 3');
    presences.expire(AWARENESS_EXPIRY_MS, NODES);
    presences.take(2, 'd', says(1, 2, named('room again')), 0);
    expect(bob.names).toEqual({ 1: 'room again' });
    for (let at = 1; at < SESSIONS_PER_DOCUMENT_MAX; at += 1) {
      presences.requireRoom('d');
      presences.enter('d', { aware: () => undefined });
    }
    expect(() => presences.requireRoom('d')).toThrow(/1024 peers have it open already/);
    presences.requireRoom('another');
  });
});

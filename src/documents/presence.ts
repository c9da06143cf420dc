/**
 * Who has documents open, and what they say of themselves: peers at this node, whose names are proven, and
 * peers at other nodes, for which those nodes vouch.
 *
 *   say, leave (a peer here) ------+--> told to the peers here
 *                                  +--> takeChanged, all: for the other nodes
 *   take (another node) ---------------> told to the peers here, until it is not repeated for some time
 *
 * Nobody speaks for a client that somebody else has: neither another node for one that is here, nor a node
 * for one of another node, before that says that it went or is not heard of any more.
 */
import { type Said, checkAwareness, leaving, readAwareness } from './awareness-check.js';
import type { Author } from './client-id.js';
import { DocumentError } from './error.js';
import {
  AWARENESS_BYTES_PER_NODE_MAX,
  AWARENESS_CHANGES_MAX,
  AWARENESS_EXPIRY_MS,
  SESSIONS_PER_DOCUMENT_MAX,
} from './limits.js';

/** A peer that has a document open here. */
export interface Present {
  /** Another one says this of itself, here or at another node. */
  aware(bytes: Uint8Array): void;
}

/** What somebody here says of itself in a document, for other nodes. */
export interface Presence {
  readonly name: string;
  readonly client: number;
  readonly bytes: Uint8Array;
}

interface FarSaid extends Said {
  readonly from: number;
  readonly untilMs: number;
}

/** Those who have one document open. */
interface Room {
  readonly here: Map<Present, Said | undefined>;
  /** Who here has said something as a client last. */
  readonly speakers: Map<number, Present>;
  readonly far: Map<number, FarSaid>;
}

/** What a state takes beside its bytes and the name of its document. */
const STATE_BYTES = 256;

export class Presences {
  readonly #rooms = new Map<string, Room>();
  readonly #farBytes = new Map<number, number>();
  #changed = new Map<string, Presence>();

  /** Throws `DocumentError` `too-large`. */
  requireRoom(name: string): void {
    if ((this.#rooms.get(name)?.here.size ?? 0) < SESSIONS_PER_DOCUMENT_MAX) return;
    const sentence = `${SESSIONS_PER_DOCUMENT_MAX} peers have it open already`;
    throw new DocumentError('too-large', sentence);
  }

  /** Tells the peer of all who are there; there has to be room for it. */
  enter(name: string, peer: Present): void {
    const room = this.#roomOf(name);
    for (const said of [...room.here.values(), ...room.far.values()]) {
      if (said?.isHere === true) peer.aware(said.bytes);
    }
    room.here.set(peer, undefined);
  }

  /** Throws `DocumentError` `malformed-update` or `forged-author`. */
  say(name: string, peer: Present, bytes: Uint8Array, author: Author): void {
    const said = checkAwareness(bytes, author);
    const room = this.#rooms.get(name);
    if (said === undefined || room?.here.has(peer) !== true) return;
    const before = room.here.get(peer);
    if (before !== undefined && before.client !== said.client) this.#left(name, room, peer, before);
    const far = room.far.get(said.client);
    // Here its name is proven.
    if (far !== undefined) this.#forget(name, room, far);
    room.here.set(peer, said);
    room.speakers.set(said.client, peer);
    this.#change(name, said);
    tell(room, said, peer);
  }

  leave(name: string, peer: Present): void {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    const said = room.here.get(peer);
    room.here.delete(peer);
    if (said !== undefined) this.#left(name, room, peer, said);
    this.#tidy(name, room);
  }

  /** What a node says of one of its peers. Throws `DocumentError` `malformed-update`. */
  take(from: number, name: string, bytes: Uint8Array, nowMs: number): void {
    const said = readAwareness(bytes);
    const room = this.#rooms.get(name);
    if (said === undefined || room?.speakers.has(said.client) === true) return;
    const before = room?.far.get(said.client);
    if (before !== undefined && (before.from !== from || said.clock < before.clock)) return;
    if (said.isHere) this.#keep(from, name, said, nowMs + AWARENESS_EXPIRY_MS);
    else if (room !== undefined && before !== undefined) this.#gone(name, room, before);
  }

  /** What has changed here since the last time. */
  takeChanged(): Presence[] {
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    return changed;
  }

  /** All that is said here. */
  all(): Presence[] {
    return [...this.#rooms].flatMap(([name, { here }]) => {
      return [...here.values()].flatMap((said) => {
        return said?.isHere === true ? [{ name, client: said.client, bytes: said.bytes }] : [];
      });
    });
  }

  /** Lets go what was not repeated in time, and what nodes have said that are no members any more. */
  expire(nowMs: number, nodes: ReadonlySet<number>): void {
    for (const [name, room] of this.#rooms) {
      for (const far of room.far.values()) {
        if (far.untilMs <= nowMs || !nodes.has(far.from)) this.#gone(name, room, far);
      }
    }
  }

  #keep(from: number, name: string, said: Said, untilMs: number): void {
    const room = this.#roomOf(name);
    const before = room.far.get(said.client);
    if (before !== undefined) this.#forget(name, room, before);
    const bytes = (this.#farBytes.get(from) ?? 0) + bytesOf(name, said);
    if (bytes > AWARENESS_BYTES_PER_NODE_MAX) {
      if (before !== undefined) tell(room, leaving(before));
      this.#tidy(name, room);
      return;
    }
    this.#farBytes.set(from, bytes);
    room.far.set(said.client, { ...said, from, untilMs });
    if (said.clock !== before?.clock) tell(room, said);
  }

  #gone(name: string, room: Room, far: FarSaid): void {
    this.#forget(name, room, far);
    tell(room, leaving(far));
    this.#tidy(name, room);
  }

  #forget(name: string, room: Room, far: FarSaid): void {
    room.far.delete(far.client);
    const left = (this.#farBytes.get(far.from) ?? 0) - bytesOf(name, far);
    if (left > 0) this.#farBytes.set(far.from, left);
    else this.#farBytes.delete(far.from);
  }

  /** A peer that came back speaks for its client by now: then that is still here. */
  #left(name: string, room: Room, peer: Present, said: Said): void {
    if (room.speakers.get(said.client) !== peer) return;
    room.speakers.delete(said.client);
    if (!said.isHere) return;
    const last = leaving(said);
    this.#change(name, last);
    tell(room, last, peer);
  }

  /** What is beyond the bound, the other nodes learn when all is said again, or is not. */
  #change(name: string, { client, bytes }: Said): void {
    const key = `${client} ${name}`;
    if (!this.#changed.has(key) && this.#changed.size >= AWARENESS_CHANGES_MAX) return;
    this.#changed.set(key, { name, client, bytes });
  }

  #roomOf(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = { here: new Map(), speakers: new Map(), far: new Map() };
      this.#rooms.set(name, room);
    }
    return room;
  }

  #tidy(name: string, { here, far }: Room): void {
    if (here.size === 0 && far.size === 0) this.#rooms.delete(name);
  }
}

function tell({ here }: Room, { bytes }: Said, except?: Present): void {
  for (const peer of here.keys()) if (peer !== except) peer.aware(bytes);
}

function bytesOf(name: string, { bytes }: Said): number {
  return STATE_BYTES + 2 * name.length + bytes.length;
}

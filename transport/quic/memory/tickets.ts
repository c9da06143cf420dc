import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { TicketOptions } from '../engine.js';
import { REPLAY_WINDOW_MS, TICKETS_REMEMBERED_MAX, TICKET_MS_MAX } from './limits.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Of the 48 bytes of a key the last 32 encrypt, as in the ticket keys of TLS libraries. */
const KEY_BYTES = 48;
const CIPHER_KEY_START = 16;

/** What the side that is dialled remembers of a connection, sealed into the ticket. */
export interface TicketContent {
  /** The peer's certificate, base64 of DER. */
  readonly certificate: string;
  readonly protocol: string;
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number;
}

/**
 * Tickets whose early data was taken by any engine of a network: none is taken twice (RFC 8446 8).
 * Times are milliseconds since the epoch.
 */
export class UsedTickets {
  readonly startedAtMs: number;
  /** With the time from which on each is too old anyway. */
  readonly #used = new Map<string, number>();

  constructor(startedAtMs: number) {
    this.startedAtMs = startedAtMs;
  }

  /** Marks a ticket as used; false when it was before, or when there is no room to remember it. */
  use(id: string, untilMs: number, nowMs: number): boolean {
    // The oldest come first, or nearly.
    for (const [oldId, oldUntilMs] of this.#used) {
      if (oldUntilMs > nowMs) break;
      this.#used.delete(oldId);
    }
    if (this.#used.has(id) || this.#used.size >= TICKETS_REMEMBERED_MAX) return false;
    this.#used.set(id, untilMs);
    return true;
  }
}

/** Makes and opens the tickets of one engine. Times are milliseconds since the epoch. */
export class Tickets {
  readonly #options: TicketOptions;
  readonly #used: UsedTickets;

  constructor(options: TicketOptions, used: UsedTickets) {
    this.#options = options;
    this.#used = used;
  }

  /** A sealed ticket, or undefined when there is no key now. */
  seal(content: TicketContent): Uint8Array | undefined {
    const key = this.#options.keys()[0];
    if (key?.length !== KEY_BYTES) return undefined;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key.subarray(CIPHER_KEY_START), nonce);
    const sealed = Buffer.concat([cipher.update(JSON.stringify(content)), cipher.final()]);
    return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), sealed]));
  }

  /** What a ticket holds; undefined when no key opens it or it is too old. */
  open(ticket: Uint8Array, nowMs: number): TicketContent | undefined {
    for (const key of this.#options.keys()) {
      const content = key.length === KEY_BYTES ? unseal(ticket, key) : undefined;
      if (content !== undefined) {
        return nowMs - content.issuedAtMs <= TICKET_MS_MAX ? content : undefined;
      }
    }
    return undefined;
  }

  /** Whether early data under this ticket may be taken; true at most once for each. */
  takeEarly(ticket: Uint8Array, content: TicketContent, nowMs: number): boolean {
    const { keysUsedSince } = this.#options;
    const { startedAtMs } = this.#used;
    // Somebody else may have taken what is replayed now, and this process cannot know.
    const isFirstUser = keysUsedSince !== undefined && keysUsedSince >= startedAtMs;
    if (!isFirstUser && nowMs - startedAtMs < REPLAY_WINDOW_MS) return false;
    const id = Buffer.from(ticket.subarray(0, NONCE_BYTES)).toString('latin1');
    return this.#used.use(id, content.issuedAtMs + TICKET_MS_MAX, nowMs);
  }
}

function unseal(ticket: Uint8Array, key: Uint8Array): TicketContent | undefined {
  if (ticket.length <= NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = ticket.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key.subarray(CIPHER_KEY_START), nonce);
  decipher.setAuthTag(ticket.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const text = Buffer.concat([
      decipher.update(ticket.subarray(NONCE_BYTES + TAG_BYTES)),
      decipher.final(),
    ]);
    return JSON.parse(text.toString('utf8')) as TicketContent;
  } catch {
    // Sealed under another key, or changed on the way.
    return undefined;
  }
}

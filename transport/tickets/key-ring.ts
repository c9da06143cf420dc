import { TICKET_KEYS_MAX } from './limits.js';

/** 16 bytes of name, 16 of HMAC key, 16 of AES key, as BoringSSL takes them. */
export const TICKET_KEY_BYTES = 48;

export interface TicketKey {
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly bytes: Uint8Array;
}

/** Keys of one moment: the first seals, all open. Never empty, at most `TICKET_KEYS_MAX`. */
export type KeyRing = readonly [TicketKey, ...TicketKey[]];

/**
 * Whether the first key has sealed for a whole period. One that claims to be more than a period
 * younger than now was made under a wrong clock, and would stay for good.
 */
export function isRotationDue(ring: KeyRing, nowMs: number, periodMs: number): boolean {
  return Math.abs(nowMs - ring[0].createdAtMs) >= periodMs;
}

/**
 * The ring with `fresh` in front, without the keys whose second period is over: a key was last used
 * to seal when its first was.
 */
export function rotate(
  ring: readonly TicketKey[],
  fresh: Uint8Array,
  nowMs: number,
  periodMs: number,
): KeyRing {
  const kept = ring
    .map(({ createdAtMs, bytes }) => ({ createdAtMs: Math.min(createdAtMs, nowMs), bytes }))
    .filter(({ createdAtMs }) => nowMs - createdAtMs < 2 * periodMs)
    .slice(0, TICKET_KEYS_MAX - 1);
  return [{ createdAtMs: nowMs, bytes: fresh }, ...kept];
}

/** Without the keys whose second period is over; the first always stays. */
export function withoutExpired(ring: KeyRing, nowMs: number, periodMs: number): KeyRing {
  const [first, ...rest] = ring;
  return [first, ...rest.filter(({ createdAtMs }) => nowMs - createdAtMs < 2 * periodMs)];
}

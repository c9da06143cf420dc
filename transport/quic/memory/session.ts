import { z } from 'zod';
import type { PeerLimits } from './frame.js';
import { SESSION_BYTES_MAX } from './limits.js';

/** What the side that dials keeps of a connection to come back with. */
export interface Session {
  readonly ticket: Uint8Array;
  /** The peer's certificate, DER. */
  readonly certificate: Uint8Array;
  readonly protocol: string;
  /** What early data may use before the peer has answered (RFC 9001 4.6.3). */
  readonly limits: PeerLimits;
}

const base64 = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const count = z.number().int().nonnegative();
const SHAPE = z.object({
  version: z.literal(1),
  ticket: base64,
  certificate: base64,
  protocol: z.string(),
  limits: z.object({
    streamsMax: count,
    streamWindowBytes: count,
    connectionWindowBytes: count,
    idleTimeoutMs: count,
    datagramBytesMax: count,
  }),
});

export function encodeSession(session: Session): Uint8Array {
  const { ticket, certificate, protocol, limits } = session;
  return Buffer.from(
    JSON.stringify({
      version: 1,
      ticket: text(ticket),
      certificate: text(certificate),
      protocol,
      limits,
    }),
  );
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** Undefined for what is no session: then the handshake is complete. */
export function decodeSession(bytes: Uint8Array): Session | undefined {
  if (bytes.length > SESSION_BYTES_MAX) return undefined;
  try {
    const parsed = SHAPE.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

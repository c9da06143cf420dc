/** What a node says of itself by gossip: a version, then members that a reader may not know. */
import { z } from 'zod';

import { METADATA_BYTES_MAX } from '../../consensus/gossip/index.js';

const VERSION = 1;
const SHOWN_CHARACTERS_MAX = 64;

const schema = z.object({
  v: z.literal(VERSION),
  /** Name of the release that it runs. */
  release: z.string().max(SHOWN_CHARACTERS_MAX).default(''),
  zone: z.string().max(SHOWN_CHARACTERS_MAX).default(''),
  /** When the process started, in seconds since 1970. */
  started: z.number().int().nonnegative().default(0),
});

export type GossipMetadata = Omit<z.infer<typeof schema>, 'v'>;

/** Names that are too long are cut. */
export function encodeMetadata({ release, zone, started }: GossipMetadata): Uint8Array {
  const encoder = new TextEncoder();
  for (let length = SHOWN_CHARACTERS_MAX; ; length = Math.floor(length / 2)) {
    const cut = { release: release.slice(0, length), zone: zone.slice(0, length) };
    const bytes = encoder.encode(JSON.stringify({ v: VERSION, ...cut, started }));
    if (bytes.length <= METADATA_BYTES_MAX) return bytes;
  }
}

/** Null for what a later release says in another form, and for anything else that is none. */
export function decodeMetadata(bytes: Uint8Array): GossipMetadata | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
  const read = schema.safeParse(value);
  if (!read.success) return null;
  const { release, zone, started } = read.data;
  return { release, zone, started };
}

import { CRYPTO_BYTES_MAX } from '../limits.js';
import { ByteCursor } from './byte-cursor.js';

const CLIENT_HELLO = 1;
const HANDSHAKE_HEADER_BYTES = 4;
const RANDOM_BYTES = 32;
const SESSION_ID_BYTES_MAX = 32;
/** BoringSSL begins a ticket with the name of the key under which it is sealed. */
const TICKET_KEY_NAME_BYTES = 16;
const HOST_NAME = 0;

/** RFC 6066 3, RFC 7301 3.1, RFC 8446 4.2.11 and 4.2.10. */
const EXTENSION = { serverName: 0, protocols: 16, preSharedKey: 41, earlyData: 42 } as const;

/** What a client asks for with the first message of TLS 1.3 (RFC 8446 4.1.2). */
export interface ClientHello {
  /** 32 bytes, new in each honest attempt: who repeats them replays a recorded one. */
  readonly random: Uint8Array;
  /** Application protocols, the one that the client likes best first; bytes as latin1. */
  readonly protocols: readonly string[];
  readonly serverName?: string;
  /** The client sends, or is about to send, data before the handshake is over (0-RTT). */
  readonly hasEarlyData: boolean;
  /** The first session that the client offers to resume: a ticket that was given to it. */
  readonly pskIdentity?: Uint8Array;
  /** First 16 bytes of that ticket: the name of the key that BoringSSL sealed it with. */
  readonly firstTicketKeyName?: Uint8Array;
}

/** As `ClientHello`, while it is being read. */
interface Found {
  protocols?: readonly string[];
  serverName?: string;
  hasEarlyData: boolean;
  pskIdentity?: Uint8Array;
}

/**
 * Reads the ClientHello at the start of the handshake's bytes. Says `incomplete` when more bytes
 * are needed, `invalid` when they cannot become one. The result shares no memory with `bytes`.
 */
export function readClientHello(bytes: Uint8Array): ClientHello | 'incomplete' | 'invalid' {
  if (bytes.length > 0 && bytes[0] !== CLIENT_HELLO) return 'invalid';
  if (bytes.length < HANDSHAKE_HEADER_BYTES) return 'incomplete';
  const length = new ByteCursor(bytes, 1).u24();
  if (HANDSHAKE_HEADER_BYTES + length > CRYPTO_BYTES_MAX) return 'invalid';
  if (bytes.length < HANDSHAKE_HEADER_BYTES + length) return 'incomplete';
  return readBody(new ByteCursor(bytes, HANDSHAKE_HEADER_BYTES, HANDSHAKE_HEADER_BYTES + length));
}

function readBody(cursor: ByteCursor): ClientHello | 'invalid' {
  cursor.skip(2); // legacy_version
  const random = cursor.take(RANDOM_BYTES);
  const sessionIdLength = cursor.u8();
  cursor.skip(sessionIdLength);
  const suitesLength = cursor.u16();
  cursor.skip(suitesLength);
  const compressionsLength = cursor.u8();
  cursor.skip(compressionsLength);
  const extensions = cursor.part(cursor.u16());
  const isSound =
    !cursor.isOverrun &&
    cursor.left === 0 &&
    sessionIdLength <= SESSION_ID_BYTES_MAX &&
    suitesLength >= 2 &&
    suitesLength % 2 === 0 &&
    compressionsLength >= 1;
  const found = isSound ? readExtensions(extensions) : undefined;
  if (found === undefined) return 'invalid';
  const { protocols = [], serverName, hasEarlyData, pskIdentity } = found;
  return {
    random: Uint8Array.from(random),
    protocols,
    hasEarlyData,
    ...(serverName !== undefined && { serverName }),
    ...(pskIdentity !== undefined && { pskIdentity: Uint8Array.from(pskIdentity) }),
    ...(pskIdentity !== undefined &&
      pskIdentity.length >= TICKET_KEY_NAME_BYTES && {
        firstTicketKeyName: Uint8Array.from(pskIdentity.subarray(0, TICKET_KEY_NAME_BYTES)),
      }),
  };
}

/** RFC 8446 4.2: no type twice, and pre_shared_key is the last. */
function readExtensions(cursor: ByteCursor): Found | undefined {
  const found: Found = { hasEarlyData: false };
  const types = new Set<number>();
  while (cursor.left > 0) {
    const type = cursor.u16();
    const content = cursor.part(cursor.u16());
    if (cursor.isOverrun || types.has(type) || types.has(EXTENSION.preSharedKey)) return undefined;
    types.add(type);
    if (!readExtension(type, content, found)) return undefined;
  }
  return found;
}

/** False when the extension is one of those that are read here and cannot be read. */
function readExtension(type: number, content: ByteCursor, found: Found): boolean {
  switch (type) {
    case EXTENSION.serverName: {
      const name = readServerName(content);
      if (name === undefined) return false;
      found.serverName = name;
      return true;
    }
    case EXTENSION.protocols: {
      const protocols = readProtocols(content);
      if (protocols === undefined) return false;
      found.protocols = protocols;
      return true;
    }
    case EXTENSION.preSharedKey: {
      const identity = readFirstIdentity(content);
      if (identity === undefined) return false;
      found.pskIdentity = identity;
      return true;
    }
    case EXTENSION.earlyData:
      found.hasEarlyData = true;
      return content.left === 0;
    default:
      return true;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** RFC 6066 3: a list of names of which only one type was ever defined. */
function readServerName(content: ByteCursor): string | undefined {
  const list = content.part(content.u16());
  const type = list.u8();
  const name = list.take(list.u16());
  const isSound = !content.isOverrun && !list.isOverrun && content.left === 0 && list.left === 0;
  return isSound && type === HOST_NAME && name.length > 0 ? latin1(name) : undefined;
}

/** RFC 7301 3.1. */
function readProtocols(content: ByteCursor): string[] | undefined {
  const list = content.part(content.u16());
  if (content.isOverrun || content.left > 0 || list.left === 0) return undefined;
  const protocols: string[] = [];
  while (list.left > 0) {
    const name = list.take(list.u8());
    if (list.isOverrun || name.length === 0) return undefined;
    protocols.push(latin1(name));
  }
  return protocols;
}

/** RFC 8446 4.2.11: identities with the age of each, then as many binders. */
function readFirstIdentity(content: ByteCursor): Uint8Array | undefined {
  const identities = content.part(content.u16());
  const binders = content.part(content.u16());
  if (content.isOverrun || content.left > 0) return undefined;
  const first = identities.take(identities.u16());
  identities.skip(4);
  let count = 1;
  while (identities.left > 0) {
    identities.skip(identities.u16());
    identities.skip(4);
    count += 1;
  }
  while (binders.left > 0) {
    binders.skip(binders.u8());
    count -= 1;
  }
  const isSound = !identities.isOverrun && !binders.isOverrun && count === 0 && first.length > 0;
  return isSound ? first : undefined;
}

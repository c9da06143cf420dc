import { Http3Error } from './http3-error.js';
import type { Field } from './qpack/static-table.js';

/** What a client asks for (RFC 9114 4.3.1). */
export interface RequestHead {
  readonly method: string;
  /** Empty for CONNECT without a protocol. */
  readonly scheme: string;
  readonly authority: string;
  /** Empty for CONNECT without a protocol. */
  readonly path: string;
  /** Extended CONNECT (RFC 9220). */
  readonly protocol: string | undefined;
  /** All fields but the pseudo-header fields. Bytes as latin1. */
  readonly fields: readonly Field[];
}

export interface ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  readonly fields: readonly Field[];
}

/** RFC 9110 5.6.2, without upper case (RFC 9114 4.2). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9110 5.5: no control characters but the tab, no space at the ends. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const BAD_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]|^[ \t]|[ \t]$/;
/** RFC 9114 4.2: fields that speak of a connection of HTTP/1.1. */
const CONNECTION_NAMES: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const REQUEST_PSEUDO: ReadonlySet<string> = new Set([
  ':method',
  ':scheme',
  ':authority',
  ':path',
  ':protocol',
]);
const RESPONSE_PSEUDO: ReadonlySet<string> = new Set([':status']);
const NO_PSEUDO: ReadonlySet<string> = new Set();

/** Throws `Http3Error` with code `message-error` for a malformed request (RFC 9114 4.1.2). */
export function decodeRequest(section: readonly Field[]): RequestHead {
  const { pseudo, fields } = split(section, REQUEST_PSEUDO);
  const method = pseudo.get(':method') ?? '';
  const protocol = pseudo.get(':protocol');
  const scheme = pseudo.get(':scheme') ?? '';
  const path = pseudo.get(':path') ?? '';
  const authority = pseudo.get(':authority') ?? valueOf(fields, 'host') ?? '';
  if (!NAME.test(method.toLowerCase())) throw malformed('a request has no method');
  if (protocol !== undefined && method !== 'CONNECT') throw malformed('a protocol without CONNECT');
  if (method === 'CONNECT' && protocol === undefined) {
    // RFC 9114 4.4.
    if (authority === '' || scheme !== '' || path !== '') throw malformed('a CONNECT with a path');
  } else {
    if (scheme === '' || path === '') throw malformed('a request has no scheme or no path');
    // RFC 9114 4.3.1.
    if (scheme === 'https' && authority === '') throw malformed('a request has no authority');
  }
  const host = valueOf(fields, 'host');
  if (host !== undefined && host !== authority) throw malformed('host and authority differ');
  return { method, scheme, authority, path, protocol, fields };
}

export function encodeRequest(head: RequestHead): Field[] {
  const pseudo: Field[] = [[':method', head.method]];
  if (head.scheme !== '') pseudo.push([':scheme', head.scheme]);
  pseudo.push([':authority', head.authority]);
  if (head.path !== '') pseudo.push([':path', head.path]);
  if (head.protocol !== undefined) pseudo.push([':protocol', head.protocol]);
  return [...pseudo, ...head.fields];
}

/** Throws `Http3Error` with code `message-error` for a malformed response. */
export function decodeResponse(section: readonly Field[]): ResponseHead {
  const { pseudo, fields } = split(section, RESPONSE_PSEUDO);
  const status = pseudo.get(':status') ?? '';
  if (!/^[1-5][0-9][0-9]$/.test(status)) throw malformed('a response has no status');
  return { status: Number(status), fields };
}

export function encodeResponse(head: ResponseHead): Field[] {
  return [[':status', String(head.status)], ...head.fields];
}

/** Throws `Http3Error` with code `message-error` for malformed trailers (RFC 9114 4.1). */
export function checkTrailers(section: readonly Field[]): void {
  split(section, NO_PSEUDO);
}

/** The first field of that name. */
export function valueOf(fields: readonly Field[], name: string): string | undefined {
  return fields.find((field) => field[0] === name)?.[1];
}

/** Bytes of the body that the fields announce, if they do (RFC 9110 8.6). */
export function contentLength(fields: readonly Field[]): number | undefined {
  const values = fields.filter(([name]) => name === 'content-length').map(([, value]) => value);
  const [first] = values;
  if (first === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(first) || values.some((value) => value !== first)) {
    throw malformed('content-length is no number, or more than one');
  }
  return Number(first);
}

/** RFC 9114 4.2 and 4.3. */
function split(
  section: readonly Field[],
  known: ReadonlySet<string>,
): { readonly pseudo: ReadonlyMap<string, string>; readonly fields: readonly Field[] } {
  const pseudo = new Map<string, string>();
  const fields: Field[] = [];
  for (const field of section) {
    const [name, value] = field;
    if (BAD_VALUE.test(value))
      throw malformed(`the value of ${printable(name)} has bad characters`);
    if (name.startsWith(':')) {
      if (!known.has(name) || pseudo.has(name) || fields.length > 0) {
        throw malformed(`${printable(name)} must not come, or not here`);
      }
      pseudo.set(name, value);
      continue;
    }
    if (!NAME.test(name) || CONNECTION_NAMES.has(name)) {
      throw malformed(`the field ${printable(name)} must not come`);
    }
    if (name === 'te' && value !== 'trailers') throw malformed('te is not trailers');
    fields.push(field);
  }
  return { pseudo, fields };
}

function malformed(message: string): Http3Error {
  return new Http3Error('message-error', message);
}

function printable(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

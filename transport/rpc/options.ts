import { formatHostPort, isPeerId } from '../identity/peer-address.js';
import type { ListenOptions } from './endpoint.js';
import { TIMEOUT_MS_MAX } from './limits.js';
import { RpcError, type CallKind, type PeerAddress } from './rpc.js';

/**
 * What callers give is looked at before anything is done with it: a mistake is the caller's own, and
 * the error (`malformed`, reason `bad-option`) names the option and what was given.
 */

const PORT_MAX = 65_535;
/** Of what was given, as much is shown. */
const SHOWN_CHARACTERS_MAX = 80;

const KINDS: Readonly<Record<CallKind, true>> = {
  unary: true,
  'server-stream': true,
  'client-stream': true,
  duplex: true,
};

export function badOption(message: string): RpcError {
  return new RpcError('malformed', message, { reason: 'bad-option' });
}

/** Throws `RpcError` with reason `bad-option`. */
export function checkListenOptions(options: ListenOptions): void {
  const given = members(options, 'the options of listenRpc');
  const identity: unknown = given['identity'];
  if (!hasTexts(identity, ['peerId', 'privateKeyPem', 'certificatePem'])) {
    // What was given may hold a private key: it is not shown.
    throw badOption('identity is missing or is none; createIdentity() makes one');
  }
  checkHost(given['host'], 'host', "for example '127.0.0.1', or '0.0.0.0' for all of this machine");
  checkPort(given['port'], 'port', 0);
  for (const name of ['authorize', 'onConnection', 'onDatagram', 'onRefusal', 'onHandlerError']) {
    const value = given[name];
    if (value === undefined || typeof value === 'function') continue;
    throw badOption(`${name} is ${shown(value)}; it must be a function, or left out`);
  }
  for (const [name, handler] of Object.entries(members(given['handlers'] ?? {}, 'handlers'))) {
    if (typeof handler === 'function') continue;
    throw badOption(`handlers['${name}'] is ${shown(handler)}; it must be a function`);
  }
  for (const [name, method] of Object.entries(members(given['methods'] ?? {}, 'methods'))) {
    if (isMethod(method)) continue;
    throw badOption(
      `methods['${name}'] is ${shown(method)}; it must be { kind, handler }, ` +
        'as serviceHandlers makes it; plain functions go into handlers',
    );
  }
}

/** Throws `RpcError` with reason `bad-option`. */
export function checkAddress(address: PeerAddress): void {
  const given: unknown = address;
  const how = 'parsePeerAddress makes an address of a text HOST:PORT#PEERID';
  if (typeof given !== 'object' || given === null) {
    throw badOption(`the address is ${shown(given)}; it must be { host, port, peerId }; ${how}`);
  }
  const { host, port, peerId } = given as Record<string, unknown>;
  checkHost(host, 'host of the address', how);
  checkPort(port, 'port of the address', 1, how);
  if (typeof peerId !== 'string' || !isPeerId(peerId)) {
    const where = formatHostPort(address);
    throw badOption(
      `peerId of the address (${where}) is ${shown(peerId)}; ` +
        `it must be the 52 characters of a peer id; ${how}`,
    );
  }
}

/** Throws `RpcError` with reason `bad-option`. `what` names the call. */
export function checkTimeout(
  what: string,
  options: { readonly timeoutMs: number } | undefined,
): void {
  const timeoutMs: unknown = options?.timeoutMs;
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX) return;
  throw badOption(
    `timeoutMs of ${what} is ${shown(timeoutMs)}; ` +
      `it must be more than 0 and at most ${TIMEOUT_MS_MAX}, in milliseconds`,
  );
}

function checkHost(host: unknown, name: string, how: string): void {
  if (typeof host === 'string' && host !== '') return;
  throw badOption(`${name} is ${shown(host)}; it must be a text that is not empty; ${how}`);
}

function checkPort(port: unknown, name: string, min: 0 | 1, how?: string): void {
  if (Number.isInteger(port) && (port as number) >= min && (port as number) <= PORT_MAX) return;
  const rest = how ?? '0 stands for any free port';
  throw badOption(
    `${name} is ${shown(port)}; it must be an integer from ${min} to ${PORT_MAX}; ${rest}`,
  );
}

function members(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw badOption(`${name}: ${shown(value)} was given; it must be an object`);
}

function hasTexts(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => {
    const text = (value as Record<string, unknown>)[name];
    return typeof text === 'string' && text !== '';
  });
}

function isMethod(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, handler } = value as Record<string, unknown>;
  return typeof kind === 'string' && Object.hasOwn(KINDS, kind) && typeof handler === 'function';
}

/** A value as an error names it: short, and never an object's members. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    const text =
      value.length > SHOWN_CHARACTERS_MAX ? `${value.slice(0, SHOWN_CHARACTERS_MAX)}...` : value;
    return `'${text}'`;
  }
  if (value === undefined) return 'left out';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

import { describe, expect, it } from 'vitest';
import {
  formatHostPort,
  formatPeerAddress,
  parseHostPort,
  parsePeerAddress,
} from '../../../transport/identity/index.js';

const ID = 'a2'.repeat(26);

describe('an address', () => {
  it.each([
    ['127.0.0.1:4433', '127.0.0.1', 4433],
    ['[::1]:4433', '::1', 4433],
    ['[fe80::1:2]:1', 'fe80::1:2', 1],
    ['node-1.example.org:65535', 'node-1.example.org', 65_535],
    ['localhost:1', 'localhost', 1],
  ])('%s is read and written', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
    expect(formatHostPort({ host, port })).toBe(text);
    expect(parsePeerAddress(`${text}#${ID}`)).toEqual({ host, port, peerId: ID });
    expect(formatPeerAddress({ host, port, peerId: ID })).toBe(`${text}#${ID}`);
  });

  it('may name port 0 to listen, not to be reached', () => {
    expect(parseHostPort('0.0.0.0:0')).toEqual({ host: '0.0.0.0', port: 0 });
    expect(() => parsePeerAddress(`0.0.0.0:0#${ID}`)).toThrow(/port 0/);
  });

  it.each([
    '',
    ':4433',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    '127.0.0.1:1e3',
    '::1:4433',
    '[::1]',
    '[127.0.0.1]:1',
    '[]:1',
    'a b:1',
    'http://host:1',
    '-host:1',
  ])('%j is refused', (text) => {
    expect(() => parseHostPort(text)).toThrow(
      expect.objectContaining({ name: 'IdentityError', code: 'bad-address' }),
    );
  });

  it.each([
    '127.0.0.1:1',
    `127.0.0.1:1#${ID.slice(1)}`,
    `127.0.0.1:1#${ID}a`,
    `127.0.0.1:1#${ID.toUpperCase()}`,
    `127.0.0.1:1#${ID.slice(1)}1`,
    `#${ID}`,
  ])('of a peer, %j is refused', (text) => {
    expect(() => parsePeerAddress(text)).toThrow(
      expect.objectContaining({ name: 'IdentityError', code: 'bad-address' }),
    );
  });
});

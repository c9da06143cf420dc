import { describe, expect, it } from 'vitest';
import {
  decodePacketNumber,
  headerMask,
  initialKeys,
  openPacket,
  packetKeys,
  sealPacket,
  updatedKeys,
} from '../../../../transport/quic/quiche/packet-protection.js';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

// RFC 9001 appendix A.
const CONNECTION_ID = hex('8394c8f03e515708');
const SERVER_HEADER = hex('c1000000010008f067a5502a4262b50040750001');
const SERVER_PAYLOAD = hex(`
  02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a12
  00130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a00
  2b00020304`);
const SERVER_PACKET = hex(`
  cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780b
  b38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19
  fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee`);

describe('packet protection gives the bytes of RFC 9001 appendix A', () => {
  it('A.1: the keys of Initial packets', () => {
    const client = initialKeys(CONNECTION_ID, 'client');
    const server = initialKeys(CONNECTION_ID, 'server');
    const parts = (keys: typeof client): string[] =>
      [keys.secret, keys.key, keys.iv, keys.headerKey].map((bytes) => bytes.toString('hex'));
    expect(parts(client)).toEqual([
      'c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea',
      '1f369613dd76d5467730efcbe3b1a22d',
      'fa044b2f42a3fd3b46fb255c',
      '9f50449e04a0e810283a1e9933adedd2',
    ]);
    expect(parts(server)).toEqual([
      '3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b',
      'cf3a5331653c364c88f0f379b6067e37',
      '0ac1493ca1905853b0bba03e',
      'c206b8d9b9f0f37644430b490eeaa314',
    ]);
  });

  it('A.2: the mask of the first packet of the client', () => {
    const client = initialKeys(CONNECTION_ID, 'client');
    const mask = headerMask(client, hex('d1b1c98dd7689fb8ec11d242b123dc9b'));
    expect(mask.subarray(0, 5).toString('hex')).toBe('437b9aec36');
  });

  it('A.3: the first packet of the server, both ways', () => {
    const server = initialKeys(CONNECTION_ID, 'server');
    const sealed = sealPacket(server, SERVER_HEADER, 2, 1, SERVER_PAYLOAD);
    expect(sealed.toString('hex')).toBe(SERVER_PACKET.toString('hex'));
    const opened = openPacket(server, SERVER_PACKET, SERVER_HEADER.length - 2, 0);
    expect(opened?.packetNumber).toBe(1);
    expect(opened?.payload.equals(SERVER_PAYLOAD)).toBe(true);
  });

  it('A.5: ChaCha20-Poly1305 with a short header, and its key update', () => {
    const secret = hex('9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b');
    const keys = packetKeys(secret, 'chacha20-poly1305');
    const number = 654_360_564;
    const packet = sealPacket(keys, hex('4200bff4'), 3, number, hex('01'));
    expect(packet.toString('hex')).toBe('4cfe4189655e5cd55c41f69080575d7999c25a5bfb');
    expect(openPacket(keys, packet, 1, number - 1)).toMatchObject({ packetNumber: number });
    expect(updatedKeys(keys).secret.toString('hex')).toBe(
      '1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9',
    );
  });

  it('a packet that was changed is not opened', () => {
    const server = initialKeys(CONNECTION_ID, 'server');
    for (let at = 0; at < SERVER_PACKET.length; at += 7) {
      const changed = Buffer.from(SERVER_PACKET);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(openPacket(server, changed, SERVER_HEADER.length - 2, 0)).toBeUndefined();
    }
  });

  it('RFC 9000 A.3: truncated packet numbers', () => {
    expect(decodePacketNumber(0xa82f30ea, 0x9b32, 16)).toBe(0xa82f9b32);
    expect(decodePacketNumber(-1, 0, 8)).toBe(0);
  });
});

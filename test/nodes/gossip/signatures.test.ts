import { describe, expect, it } from 'vitest';

import { ed25519Signatures, publicKeyOf } from '../../../nodes/gossip/signatures.js';
import { decodeMetadata, encodeMetadata } from '../../../nodes/gossip/metadata.js';
import { METADATA_BYTES_MAX } from '../../../consensus/gossip/index.js';
import { createIdentity } from '../../../transport/identity/index.js';

describe('signatures of gossip', () => {
  const [own, other] = [createIdentity(), createIdentity()];
  const bytes = new Uint8Array(100).map((_, at) => at);
  const signature = ed25519Signatures(own).sign(bytes);
  const { verify } = ed25519Signatures(other);
  const key = publicKeyOf(own);

  it('are those of the key whose hash the peer id is', () => {
    expect([key.length, signature.length]).toEqual([32, 64]);
    expect(verify(own.peerId, key, bytes, signature)).toBe(true);
    expect(verify(other.peerId, key, bytes, signature)).toBe(false);
    expect(verify(own.peerId, publicKeyOf(other), bytes, signature)).toBe(false);
    expect(verify(other.peerId, publicKeyOf(other), bytes, signature)).toBe(false);
  });

  it('hold for no other bytes, and no other signature', () => {
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      expect(verify(own.peerId, key, changed, signature)).toBe(false);
    }
    for (let at = 0; at < signature.length; at += 1) {
      const changed = Uint8Array.from(signature);
      changed[at]! ^= 1;
      expect(verify(own.peerId, key, bytes, changed)).toBe(false);
    }
  });

  it('are judged, and do not fail, when the key is none', () => {
    expect(verify(own.peerId, new Uint8Array(32).fill(255), bytes, signature)).toBe(false);
    expect(verify(own.peerId, new Uint8Array(0), bytes, signature)).toBe(false);
  });
});

describe('what a node says of itself', () => {
  it('has these bytes in version 1', () => {
    const bytes = encodeMetadata({ release: '2.0.0', zone: 'a', started: 7 });
    expect(new TextDecoder().decode(bytes)).toBe(
      '{"v":1,"release":"2.0.0","zone":"a","started":7}',
    );
    expect(decodeMetadata(bytes)).toEqual({ release: '2.0.0', zone: 'a', started: 7 });
  });

  it('is cut to what fits', () => {
    const long = '\u{1F600}'.repeat(100);
    const bytes = encodeMetadata({ release: long, zone: long, started: 1 });
    expect(bytes.length).toBeLessThanOrEqual(METADATA_BYTES_MAX);
    expect(decodeMetadata(bytes)?.started).toBe(1);
  });

  it.each(['', '{', '[]', '{"v":2}', '{"v":1,"release":5}', '{"v":1,"started":-1}'])(
    'is not read from %j',
    (text) => {
      expect(decodeMetadata(new TextEncoder().encode(text))).toBeNull();
    },
  );

  it('may have members that this release does not know', () => {
    const bytes = new TextEncoder().encode('{"v":1,"load":5}');
    expect(decodeMetadata(bytes)).toEqual({ release: '', zone: '', started: 0 });
  });
});

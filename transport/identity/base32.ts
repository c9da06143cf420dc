const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** Lower-case base32 of RFC 4648 section 6, without padding: 8 characters for every 5 bytes. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let bitsCount = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    bitsCount += 8;
    while (bitsCount >= 5) {
      bitsCount -= 5;
      text += ALPHABET.charAt((bits >> bitsCount) & 31);
    }
  }
  if (bitsCount > 0) text += ALPHABET.charAt((bits << (5 - bitsCount)) & 31);
  return text;
}

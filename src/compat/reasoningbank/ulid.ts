/** Ids as v1 gives memories and runs: 48 bits of time and 80 of chance in Crockford's base 32. */
import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

export function ulid(timeMs = Date.now()): string {
  let time = '';
  for (let left = timeMs; time.length < TIME_CHARACTERS; left = Math.floor(left / 32)) {
    time = `${ALPHABET[left % 32]}${time}`;
  }
  const random = [...randomBytes(RANDOM_CHARACTERS)].map((byte) => ALPHABET[byte % 32]);
  return time + random.join('');
}

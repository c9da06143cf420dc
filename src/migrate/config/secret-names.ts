/** Names under which people keep secrets: `API_KEY`, `authToken`, `DB_PASSWORD`, `SENTRY_DSN`. */

import { wordsIn } from './word-list.js';

const SECRET_WORDS = new Set(
  wordsIn(`
  secret secrets password passwords passwd passphrase pass pwd token tokens key keys
  apikey apikeys dsn pat jwt pin credential credentials creds authorization auth bearer
  cookie cookies
`),
);
const SECRET_ENDINGS =
  /(?:apikey|accesskey|secretkey|privatekey|authtoken|accesstoken|refreshtoken|clientsecret|passwd)$/;

/** Last words of names that tell where a secret is, or about it, but are none. */
const ABOUT_WORDS = new Set(
  wordsIn(`
  path file dir directory url uri host name type mode format count limit max min size
  length ttl timeout expiry expires enabled required provider method header prefix
  algorithm env ms
`),
);
/** `authMode` and `passThrough` are no secrets. */
const ENDING_ONLY = new Set(['auth', 'pass']);
/** What makes a `key` an ordinary one. */
const ORDINARY_KEYS = new Set(
  wordsIn(`
  public primary foreign sort partition cache original index hot row object map lookup memory
`),
);

/** Whether what stands under this name is taken for a secret. Plural `tokens` of numbers are amounts. */
export function isSecretName(name: string, value?: unknown): boolean {
  const words = wordsOf(name.slice(0, 256));
  const last = words.at(-1);
  if (last === undefined || ABOUT_WORDS.has(last)) return false;
  if (name === 'PWD' || name === 'OLDPWD') return false;
  if (SECRET_ENDINGS.test(words.join(''))) return true;
  const found = words.filter(
    (word) => SECRET_WORDS.has(word) && (word === last || !ENDING_ONLY.has(word)),
  );
  if (found.length === 0) return false;
  if (typeof value === 'number') return !words.some((word) => word.endsWith('s'));
  const keysOnly = found.every((word) => word === 'key' || word === 'keys');
  return !(keysOnly && words.some((word) => ORDINARY_KEYS.has(word)));
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/[0-9]+$/, ''))
    .filter((word) => word !== '');
}

/** `authToken` of `weather` as the name of an environment variable: `AUTH_TOKEN`. */
export function variableName(name: string): string {
  const words = name
    .slice(0, 128)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  if (words === '') return 'SECRET';
  return /^[0-9]/.test(words) ? `SECRET_${words}` : words;
}

/** Finds secrets in free text: commands, URLs, descriptions, comments. */
import { isSecretName } from './secret-names.js';

export interface SecretSpan {
  readonly start: number;
  readonly end: number;
  /** Of the flag, variable or header it was found under; empty if it was its own look. */
  readonly name: string;
}

/** `${NAME}` and `${NAME:-default}`. */
export const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]{0,127})(?::-([^}]*))?\}/g;

/** Secrets that are recognised wherever they stand; the prefixes are those their issuers document. */
const KNOWN_SHAPES: readonly RegExp[] = [
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g,
  /(?<![A-Za-z0-9])(?:sk|rk)[-_][A-Za-z0-9_-]{8,}/g,
  /\b(?:gh[pousr]_|github_pat_|glpat-|hf_|gsk_|sbp_|r8_|npm_|pypi-)[A-Za-z0-9_-]{10,}/g,
  /\bx(?:ox[abeprs]|app)-[A-Za-z0-9-]{8,}/g,
  /\b(?:AKIA|ASIA)[0-9A-Z]{12,}/g,
  /\bAIza[0-9A-Za-z_-]{20,}/g,
  /\bya29\.[0-9A-Za-z_-]{10,}/g,
  /\bSG\.[\w-]{10,}\.[\w-]{10,}/g,
  /\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /(?<=\bhooks\.slack\.com\/services\/)[^\s"'`]+/g,
  /(?<=\/api\/webhooks\/)[^\s"'`]+/g,
];

/** A shape whose secret is a group of its own. */
interface NamedShape {
  readonly shape: RegExp;
  readonly spans: (groups: readonly (readonly [number, number])[], text: string) => SecretSpan[];
}

type Group = readonly [start: number, end: number];
const NONE: Group = [-1, -1];

const QUERY_NAMES = new Set(['key', 'sig', 'signature', 'code', 'auth', 'access', 'pass', 'pw']);

const NAMED_SHAPES: readonly NamedShape[] = [
  {
    // scheme://user:password@host, whatever people put into a password without escaping it.
    shape: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/"'`@:]{0,128}:([^\s"'`]{1,512})@/dgi,
    spans: ([password = NONE], text) => {
      // host:port/path@x
      const port = /^\d{1,5}[/?#]/.test(text.slice(...password));
      return port ? [] : [{ start: password[0], end: password[1], name: 'password' }];
    },
  },
  {
    // A lone user is a secret only when it looks drawn, as in Sentry's.
    shape: /\b[a-z][a-z0-9+.-]{1,20}:\/\/([^\s/"'`@:]{12,256})@/dgi,
    spans: ([user = NONE]) => [{ start: user[0], end: user[1], name: '' }],
  },
  {
    shape: /[?&;]([A-Za-z0-9_.[\]-]{1,64})=([^&\s"'`#;]{1,4096})/dg,
    spans: ([name = NONE, value = NONE], text) => {
      const called = text.slice(...name);
      const secret = isSecretName(called) || QUERY_NAMES.has(called.toLowerCase());
      return secret ? [{ start: value[0], end: value[1], name: called }] : [];
    },
  },
  {
    shape: /\bAuthorization["']?\s{0,8}[:=]\s{0,8}["']?(?:[A-Za-z]{1,16}\s{1,8})?([^\s"'`,]+)/dgi,
    spans: ([value = NONE]) => [{ start: value[0], end: value[1], name: 'Authorization' }],
  },
  {
    shape: /\bBearer\s{1,8}([A-Za-z0-9+/=_.~:-]{6,})/dgi,
    spans: ([value = NONE], text) => {
      const looks = /[0-9_.=]/.test(text.slice(...value)) || value[1] - value[0] >= 16;
      return looks ? [{ start: value[0], end: value[1], name: 'BEARER_TOKEN' }] : [];
    },
  },
  {
    // NAME=value, name: value, "name": "value"
    shape:
      /(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_-]{0,63})["']?\s{0,8}[:=]\s{0,8}("[^"]*"|'[^']*'|[^\s"',;]+)/dg,
    spans: ([name = NONE, value = NONE], text) => assigned(name, value, text),
  },
  {
    // --name value, --name=value, -name value
    shape:
      /(?<![^\s"'`([])(-{1,2}[A-Za-z][A-Za-z0-9_-]{1,63})(?:\s{1,8}|=)("[^"]*"|'[^']*'|[^\s"']+)/dg,
    spans: ([name = NONE, value = NONE], text) => assigned(name, value, text),
  },
  {
    shape:
      /\b(?:curl|wget)\b[^|;&\n]{0,2000}?\s(?:-u|--user)[\s=]{1,4}["']?[^\s:"']{1,128}:([^\s"']+)/dg,
    spans: ([value = NONE]) => [{ start: value[0], end: value[1], name: 'password' }],
  },
];

/** `key` alone is a word of prose, unless it is a flag or stands before an equals sign. */
function assigned([from, to]: Group, value: Group, text: string): SecretSpan[] {
  const name = text.slice(from, to);
  const bare = name.replace(/^-+/, '');
  const plain = /^(?:keys?|pass|auth|tokens?|pins?|pat)$/i.test(bare);
  const prose = !name.startsWith('-') && !text.slice(to, value[0]).includes('=');
  if (plain && prose && !/^[A-Z]+$/.test(bare)) return [];
  // The rule of its own knows where the scheme ends.
  if (/^authorization$/i.test(bare)) return [];
  if (!isSecretName(bare)) return [];
  const quoted = /^["']/.test(text[value[0]] ?? '');
  const [start, end] = quoted ? [value[0] + 1, value[1] - 1] : value;
  const inside = text.slice(start, end);
  if (inside === '' || /^[$-]/.test(inside) || /^(?:true|false|null)$/.test(inside)) return [];
  return [{ start, end, name: bare }];
}

/** In the order of the text, none inside another; what `${...}` refers to is not looked at. */
export function findSecrets(text: string): SecretSpan[] {
  const found: SecretSpan[] = [];
  for (const shape of KNOWN_SHAPES) {
    for (const match of text.matchAll(shape)) {
      found.push({ start: match.index, end: match.index + match[0].length, name: '' });
    }
  }
  for (const { shape, spans } of NAMED_SHAPES) {
    for (const match of text.matchAll(shape)) {
      const groups = (match.indices ?? []).slice(1).map((group) => group ?? NONE);
      found.push(...spans(groups, text));
    }
  }
  found.push(...drawnWords(text));
  return withoutOverlaps(found, referencesOf(text));
}

function referencesOf(text: string): Group[] {
  return Array.from(text.matchAll(REFERENCE), (match) => [
    match.index,
    match.index + match[0].length,
  ]);
}

function withoutOverlaps(found: SecretSpan[], references: readonly Group[]): SecretSpan[] {
  const sorted = found
    .filter(({ start, end }) => end > start)
    .filter((span) => !references.some(([start, end]) => span.start < end && start < span.end))
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const kept: SecretSpan[] = [];
  for (const span of sorted) {
    const last = kept.at(-1);
    if (last === undefined || span.start >= last.end) kept.push(span);
    else if (span.end > last.end) kept[kept.length - 1] = { ...last, end: span.end };
  }
  return kept;
}

/** How far a drawn word is followed over `-`, `_`, `+` and `/`. */
const DRAWN_REACH_CHARACTERS = 512;

/** Words that no person chose: long, and changing between digits and letters all the time. */
function drawnWords(text: string): SecretSpan[] {
  const found: SecretSpan[] = [];
  for (const match of text.matchAll(/[A-Za-z0-9]{16,}/g)) {
    if (match.index < (found.at(-1)?.end ?? 0) || !looksDrawn(match[0])) continue;
    // With what belongs to it in base64 and its kind for URLs.
    let start = match.index;
    let end = start + match[0].length;
    const first = Math.max(0, start - DRAWN_REACH_CHARACTERS);
    const last = Math.min(text.length, end + DRAWN_REACH_CHARACTERS);
    while (start > first && /[A-Za-z0-9+_-]/.test(text[start - 1]!)) start -= 1;
    while (end < last && /[A-Za-z0-9+/_=-]/.test(text[end]!)) end += 1;
    found.push({ start, end, name: '' });
  }
  return found;
}

export function looksDrawn(word: string): boolean {
  let changes = 0;
  let digits = 0;
  for (let at = 0; at < word.length; at += 1) {
    if (kindOf(word[at]!) === 0) digits += 1;
    if (at > 0 && kindOf(word[at]!) !== kindOf(word[at - 1]!)) changes += 1;
  }
  if (digits === word.length) return false;
  const rate = changes / word.length;
  return digits > 0 ? changes >= 4 && rate >= 0.15 : word.length >= 20 && rate >= 0.35;
}

function kindOf(character: string): 0 | 1 | 2 {
  if (character >= '0' && character <= '9') return 0;
  return character >= 'a' ? 1 : 2;
}

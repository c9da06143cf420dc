import { describe, expect, it } from 'vitest';
import { usedMs } from '../../../waiting.js';

import { maskJson } from '../../../../src/migrate/config/mask-json.js';
import { maskText, Scrubber } from '../../../../src/migrate/config/scrub.js';
import { isSecretName, variableName } from '../../../../src/migrate/config/secret-names.js';

const secretNames = [
  'API_KEY',
  'apiKey',
  'api-key',
  'OPENAI_API_KEY',
  'X-Api-Key',
  'accessToken',
  'GITHUB_TOKEN',
  'DB_PASSWORD',
  'password',
  'JWT_SECRET',
  'clientSecret',
  'SENTRY_DSN',
  'Authorization',
  'PROXY_API_KEYS',
  'AWS_SECRET_ACCESS_KEY',
  'SUPABASE_SERVICE_ROLE_KEY',
  'secretkey',
  'Cookie',
];
const plainNames = [
  'model',
  'QUIC_KEY_PATH',
  'tokenLimit',
  'publicKey',
  'primary_key',
  'PWD',
  'keyboard',
  'monkey',
  'passThrough',
  'authProvider',
  'compassion',
  'author',
  'TOKEN_URL',
  'tokenizer',
];

/** Each row: a text, and what is shown of it. */
const texts: readonly (readonly [text: string, masked: string])[] = [
  ['curl -H "Authorization: Bearer abc.def123" x', 'curl -H "Authorization: Bearer ***" x'],
  ['curl -u me:hunter2 https://x.test', 'curl -u me:*** https://x.test'],
  ['npx server --api-key hunter2 --port 80', 'npx server --api-key *** --port 80'],
  ['npx server --token="two words" -v', 'npx server --token="***" -v'],
  ['DB_PASSWORD=hunter2 node x.js', 'DB_PASSWORD=*** node x.js'],
  ['postgres://me:hunter2@db.test/app', 'postgres://me:***@db.test/app'],
  ['https://abcdef0123456789@sentry.test/1', 'https://***@sentry.test/1'],
  ['https://x.test/?a=1&access_token=hunter2', 'https://x.test/?a=1&access_token=***'],
  ['key sk-ant-api03-abcdefgh here', 'key *** here'],
  ['ghp_0123456789abcdef0123', '***'],
  ['AKIAIOSFODNN7EXAMPLE', '***'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '***'],
  ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', '***'],
  ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', '***'],
  ['wJalrXUtnFEMI7K7MDENG9bPxRfiCYEXAMPLEKEY', '***'],
  ['{"apiKey":"hunter2"}', '{"apiKey":"***"}'],
  // What is no secret stays.
  ['${API_KEY} and ${HOST:-localhost}', '${API_KEY} and ${HOST:-localhost}'],
  ['API_KEY=$API_KEY npx x', 'API_KEY=$API_KEY npx x'],
  ['git@github.com:a/b.git ssh://git@host/x', 'git@github.com:a/b.git ssh://git@host/x'],
  [
    'claude-3-5-sonnet-20241022 text-embedding-3-large',
    'claude-3-5-sonnet-20241022 text-embedding-3-large',
  ],
  ['Key: the token budget. Basic validation', 'Key: the token budget. Basic validation'],
  ['getCoordinationStrategyHandler', 'getCoordinationStrategyHandler'],
  ['toHaveBeenCalledWith tokensUsed: 45000', 'toHaveBeenCalledWith tokensUsed: 45000'],
  ['npx x --memory-key swarm/a', 'npx x --memory-key swarm/a'],
  ['session-1795360697412-z4vklaji3', 'session-1795360697412-z4vklaji3'],
  ['docker run -u 1000:1000 x', 'docker run -u 1000:1000 x'],
];

describe('secrets', () => {
  it.each(secretNames)('are kept under %s', (name) => {
    expect(isSecretName(name, 'x')).toBe(true);
  });

  it.each(plainNames)('are not kept under %s', (name) => {
    expect(isSecretName(name, 'x')).toBe(false);
  });

  it('are amounts where plural tokens are numbers', () => {
    expect(isSecretName('tokensPerMinute', 100_000)).toBe(false);
    expect(isSecretName('max_tokens', 512)).toBe(false);
    expect(isSecretName('pin', 1_234)).toBe(true);
  });

  it.each(texts)('in %j', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  it('are found in linear time', () => {
    const start = usedMs();
    for (const piece of [
      'a="',
      '--token ',
      'curl ',
      'x://',
      'aB1cD2eF3gH4iJ5k-',
      '?token=',
      'k ="',
    ]) {
      maskText(piece.repeat(50_000));
    }
    expect(usedMs() - start).toBeLessThan(10_000);
  });
});

describe('a copy', () => {
  const copy = (value: Parameters<Scrubber['copy']>[0], owner = 'weather') =>
    new Scrubber().copy(value, { name: owner, replaced: () => undefined });

  it('refers to variables instead', () => {
    expect(copy({ env: { API_KEY: 'hunter2', PORT: '80' } })).toEqual({
      env: { API_KEY: '${API_KEY}', PORT: '80' },
    });
    expect(copy({ args: ['--api-key', 'hunter2', '-v'] })).toEqual({
      args: ['--api-key', '${API_KEY}', '-v'],
    });
    expect(copy({ headers: { Authorization: 'Bearer hunter2' } })).toEqual({
      headers: { Authorization: 'Bearer ${AUTHORIZATION}' },
    });
    expect(copy({ name: 'API_KEY', value: 'hunter2' })).toEqual({
      name: 'API_KEY',
      value: '${API_KEY}',
    });
    expect(copy({ secrets: { prod: 'hunter2' } })).toEqual({
      secrets: { prod: '${SECRETS_PROD}' },
    });
  });

  it('keeps references, but no default that is a secret', () => {
    expect(copy({ apiKey: '${X}', url: '${U:-http://x}' })).toEqual({
      apiKey: '${X}',
      url: '${U:-http://x}',
    });
    expect(copy({ apiKey: '${X:-hunter2}', a: '${MY_TOKEN:-hunter2}' })).toEqual({
      apiKey: '${X}',
      a: '${MY_TOKEN}',
    });
  });

  it('tells variables of one name apart, and gives one secret one name', () => {
    const scrubber = new Scrubber();
    const owner = (name: string) => ({ name, replaced: () => undefined });
    expect(scrubber.copy({ API_KEY: 'one' }, owner('a'))).toEqual({ API_KEY: '${API_KEY}' });
    expect(scrubber.copy({ API_KEY: 'two' }, owner('b'))).toEqual({ API_KEY: '${B_API_KEY}' });
    expect(scrubber.copy({ token: 'one' }, owner('c'))).toEqual({ token: '${API_KEY}' });
  });

  it('names variables so that a shell takes them', () => {
    expect(variableName('authToken')).toBe('AUTH_TOKEN');
    expect(variableName('X-Api-Key')).toBe('X_API_KEY');
    expect(variableName('7up')).toBe('SECRET_7UP');
    expect(variableName('é')).toBe('SECRET');
  });

  it('is sealed against secrets that show up elsewhere', () => {
    const scrubber = new Scrubber();
    scrubber.learn('DB_PASSWORD', 'Correct Horse 1');
    scrubber.learn('OTHER', 'postgres');
    expect(scrubber.seal('x Correct Horse 1 y, server-postgres')).toBe('x *** y, server-postgres');
  });
});

describe('masked JSON', () => {
  it('has the lines of the file', () => {
    const text = [
      '{ // token=hunter2',
      '  "env": { "API_KEY": "hunter2",',
      '    "A": "" },',
      '  "args": ["--password",',
      '    "hunter2"], "apiKey": "one", "apiKey": "two",',
      '  "__proto__": { "x": "three" }',
      '}',
    ].join('\r\n');
    const masked = maskJson(text);
    expect(masked.split('\r\n').length).toBe(7);
    expect(masked).not.toMatch(/hunter2|one|two|three/);
    expect(masked).toContain('"A": ""');
    // In a comment only what is plainly a secret is masked.
    expect(maskJson('{} // API_TOKEN=hunter2')).toBe('{} // API_TOKEN=***');
  });
});

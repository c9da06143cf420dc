import { inspect } from 'node:util';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { applyConfig, type ConfigPlan, planConfig } from '../../../../src/migrate/config/index.js';
import { seed as newSeed } from '../../memory/support.js';
import { makeInstallation } from './installation.js';

/** A v1 directory with a secret at every place where people put them. */
function filesWith(secret: (place: string) => string): Record<string, string> {
  const json = (value: unknown): string => JSON.stringify(value, undefined, 2);
  return {
    '.mcp.json': `// api_key=${secret('comment')}\n${json({
      mcpServers: {
        weather: {
          command: 'npx',
          args: ['-y', 'w', '--api-key', secret('flag'), `--token=${secret('flag=')}`],
          env: { API_KEY: secret('env'), DATABASE_URL: `postgres://me:${secret('url')}@h/d` },
        },
        remote: {
          url: `https://x.test/mcp?access_token=${secret('query')}`,
          headers: { Authorization: `Bearer ${secret('header')}`, 'X-Api-Key': secret('x-header') },
        },
        other: { command: 'sh', args: ['-c', `PASSWORD=${secret('assignment')} run`] },
      },
    })}`,
    '.claude/settings.json': json({
      env: { ANTHROPIC_API_KEY: secret('settings') },
      enabledMcpjsonServers: ['weather'],
      hooks: {
        Stop: [
          {
            hooks: [
              { command: `curl -H "Authorization: Bearer ${secret('hook')}" https://x.test` },
            ],
          },
          { hooks: [{ command: `curl -u me:${secret('basic')} https://x.test` }] },
        ],
      },
    }),
    '.claude/settings.local.json': json({
      permissions: { allow: ['mcp__x', `Bash(TOKEN=${secret('permission')} npx x)`] },
    }),
    '.claude/agents/a.md': `---\nname: a\ndescription: uses api_key=${secret('agent')} to work\n---\nx`,
    '.claude/commands/c.md': `---\ndescription: --password ${secret('command')} x\n---\nx`,
    'router.config.json': json({
      providers: {
        anthropic: { apiKey: secret('router'), baseUrl: `https://u:${secret('base')}@x.test` },
        openai: { apiKey: `\${OPENAI_API_KEY:-${secret('default')}}` },
      },
      routing: { rules: [{ action: { token: secret('rule') } }] },
      monitoring: { dsn: secret('dsn') },
    }),
    '~/.agentic-flow/mcp-config.json': json({
      servers: {
        weather: { command: 'npx', env: { A: '', P: '', I: '', '': '', x: '' } },
        home: { command: 'x', env: { AUTH_TOKEN: secret('home') } },
      },
    }),
    '.env': `A_TOKEN=${secret('dotenv')}\nB_SECRET="${secret('quoted')} with # blanks"\nQUIC_PORT=1\n`,
    'claude-flow.config.json': json({ credentials: { user: secret('nested') }, pin: 1_234 }),
    '.hive-mind/config.json': json({ list: [{ name: 'DB_PASSWORD', value: secret('pair') }] }),
    'reasoningbank.yaml': `embeddings:\n  api_key: ${secret('yaml')}\n`,
    // Cut off in the middle of a secret.
    '.hive-mind/config/queens.json': `{"apiKey": "${secret('broken')}`,
  };
}

async function everythingSaid(plan: ConfigPlan, directory: string): Promise<string> {
  const said = [JSON.stringify(plan), inspect(plan, { depth: 9 }), plan.notes.join('\n')];
  await applyConfig(plan);
  for (const { name } of plan.changes.filter(({ kind }) => kind === 'create')) {
    said.push(readFileSync(join(directory, name), 'utf8'));
  }
  return said.join('\n');
}

async function check(draw: (place: string) => string): Promise<void> {
  const secrets = new Map<string, string>();
  const files = filesWith((place) => {
    const secret = draw(place);
    secrets.set(place, secret);
    return secret;
  });
  for (const sideBySide of [false, true]) {
    const installation = makeInstallation(files);
    const plan = await planConfig(installation, { sideBySide, env: {} });
    const said = await everythingSaid(plan, installation.directory);
    const found = [...secrets].filter(([, secret]) => said.includes(secret));
    expect(found).toEqual([]);
  }
}

describe('no secret', () => {
  it('is in a plan, a diff, a note or a file that is made, if it is a plain word', async () => {
    // Nothing about these shows that they are secret, only where they stand.
    await check((place) => `hunter${place.replace(/[^a-z]/g, 'z')}`);
  });

  it('is, whatever it looks like', async () => {
    const seed = newSeed();
    const secret = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9]{8,40}$/),
      fc.stringMatching(/^[a-z]{6,12}$/),
      fc.stringMatching(/^[A-Za-z0-9+/_.!*~-]{9,40}$/),
      fc.stringMatching(/^[0-9]{7,12}$/),
    );
    const secrets = fc.array(secret, { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(secrets, async (drawn) => {
        let at = 0;
        await check(() => `Q${drawn[at++ % drawn.length]!}Z`);
      }),
      { seed, numRuns: 6, endOnFailure: true },
    );
  });

  it('is in the error of a file that changed', async () => {
    const installation = makeInstallation(filesWith((place) => `hunter${place}`));
    const plan = await planConfig(installation, { sideBySide: false, env: {} });
    const first = plan.changes.find(({ kind }) => kind === 'change')!;
    const changed = { ...plan, changes: [{ ...first, before: first.after, after: first.before! }] };
    await applyConfig(changed);
    const again = { ...plan, changes: [{ ...first, before: null }] };
    const error = await applyConfig(again).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(inspect(error)).not.toMatch(/hunter/);
    expect(error).toMatchObject({ code: 'changed-since-plan' });
  });

  it('stays in v2, but every reference is told', async () => {
    const installation = makeInstallation(filesWith((place) => `hunter${place.replace('=', '')}`));
    const plan = await planConfig(installation, { sideBySide: false, env: {} });
    const made = plan.changes
      .filter(({ kind }) => kind === 'create')
      .map(({ after }) => after.content().toString('utf8'))
      .join('\n');
    for (const [, variable] of made.matchAll(/\$\{([A-Z0-9_]+)\}/g)) {
      if (['API_KEY', 'OPENAI_API_KEY'].includes(variable!)) continue;
      expect(plan.notes.join('\n')).toContain(`\${${variable}}`);
    }
  });
});

/**
 * The official conformance tests of MCP against the server over HTTP, the only way they speak. Most of them
 * want the tools, resources and prompts of a reference server by their names, which no other server has.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const PACKAGE = join(process.cwd(), 'bench/peers/node_modules/@modelcontextprotocol/conformance');
const MAIN = join(import.meta.dirname, '../../src/cli/main.js');

const REFERENCE_TOOL = 'calls a tool of the reference server';
const NO_LOGGING = 'the server has no logging capability: its log is standard error';
const NO_COMPLETION = 'the server has no completions: nothing has prompts or resource templates';
const NO_RESOURCES = 'the server has no resources';
const NO_PROMPTS = 'the server has no prompts';

/** Every scenario for servers: null for one that must pass, else why it does not apply. */
const SCENARIOS: Readonly<Record<string, string | null>> = {
  'server-initialize': null,
  ping: null,
  'tools-list': null,
  'server-sse-polling': null,
  'server-sse-multiple-streams': null,
  'dns-rebinding-protection': null,
  'logging-set-level': NO_LOGGING,
  'completion-complete': NO_COMPLETION,
  'tools-call-simple-text': REFERENCE_TOOL,
  'tools-call-image': REFERENCE_TOOL,
  'tools-call-audio': REFERENCE_TOOL,
  'tools-call-embedded-resource': REFERENCE_TOOL,
  'tools-call-mixed-content': REFERENCE_TOOL,
  'tools-call-with-logging': REFERENCE_TOOL,
  'tools-call-error': REFERENCE_TOOL,
  'tools-call-with-progress': REFERENCE_TOOL,
  'tools-call-sampling': REFERENCE_TOOL,
  'tools-call-elicitation': REFERENCE_TOOL,
  'json-schema-2020-12': REFERENCE_TOOL,
  'elicitation-sep1034-defaults': REFERENCE_TOOL,
  'elicitation-sep1330-enums': REFERENCE_TOOL,
  'resources-list': NO_RESOURCES,
  'resources-read-text': NO_RESOURCES,
  'resources-read-binary': NO_RESOURCES,
  'resources-templates-read': NO_RESOURCES,
  'resources-subscribe': NO_RESOURCES,
  'resources-unsubscribe': NO_RESOURCES,
  'prompts-list': NO_PROMPTS,
  'prompts-get-simple': NO_PROMPTS,
  'prompts-get-with-args': NO_PROMPTS,
  'prompts-get-embedded-resource': NO_PROMPTS,
  'prompts-get-with-image': NO_PROMPTS,
};

/** The package imports `globSync`, which Node 20 does not have and which it needs for SDKs only. */
const GLOB = `export * from 'node:fs'; export { default } from 'node:fs'; export const globSync = () => [];`;
const HOOK = `export const resolve = (specifier, context, next) =>
  specifier === 'fs' && context.parentURL?.includes('/conformance/')
    ? { url: ${JSON.stringify(asUrl(GLOB))}, shortCircuit: true }
    : next(specifier, context);`;
const PRELOAD = asUrl(
  `import fs from 'node:fs'; import { register } from 'node:module';
   if (fs.globSync === undefined) register(${JSON.stringify(asUrl(HOOK))});`,
);

function asUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

async function conformance(...args: readonly string[]): Promise<string> {
  const all = ['--import', PRELOAD, join(PACKAGE, 'dist/index.js'), ...args];
  const { stdout } = await run(process.execPath, all, { timeout: 300_000 });
  return stdout;
}

describe('the conformance tests of MCP', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-conformance-'));
  let server: ChildProcess;
  let url = '';

  beforeAll(async () => {
    expect(existsSync(PACKAGE), 'npm install --prefix bench/peers').toBe(true);
    const args = [MAIN, 'mcp', 'start', '--http', '0', '--no-token', '--data', folder];
    server = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] });
    url = await new Promise((resolve, reject) => {
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
      server.stderr?.on('data', (chunk: Buffer) => {
        const [, found] = /serving (\S+)/.exec(chunk.toString()) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
  });

  afterAll(async () => {
    server.removeAllListeners('exit');
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('are the ones that are known here', async () => {
    const listed = await conformance('list', '--server');
    const names = [...listed.matchAll(/^\s+- (\S+)/gm)].map(([, name]) => name);
    expect(names.sort()).toEqual(Object.keys(SCENARIOS).sort());
  });

  const applying = Object.keys(SCENARIOS).filter((name) => SCENARIOS[name] === null);
  it.each(applying)('%s', async (name) => {
    // It exits with another code than 0 if a check fails.
    const said = await conformance('server', '--url', url, '--scenario', name, '-o', folder);
    expect(said).toMatch(/0 failed/);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Child, runToEnd } from '../../../examples/rolling-migration/child.js';
import { Scope } from '../../../examples/rolling-migration/scope.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'demo-child-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function script(text: string): string {
  const path = join(directory, 'script.mjs');
  writeFileSync(path, text);
  return path;
}

describe('a child process', () => {
  it('is waited for until it prints what is expected', async () => {
    const path = script('console.log("no"); console.log("ready 7"); setInterval(() => 0, 1000);');
    const child = new Child('node', path, [], join(directory, 'log'));
    expect(await child.line((line) => /^ready (\d)$/.exec(line)?.[1], 5_000)).toBe('7');
    child.signal('SIGKILL');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(child.isRunning).toBe(false);
    expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('no\nready 7\n');
  });

  it('that dies first gives its last words', async () => {
    const path = script('console.error("the disk is full"); process.exit(3);');
    const child = new Child('node-4', path, [], join(directory, 'log'));
    await expect(child.line(() => undefined, 5_000)).rejects.toMatchObject({
      code: 'process-died',
      message: expect.stringMatching(/node-4 ended with code 3[^]*the disk is full/),
    });
  });

  it('that says nothing is given up', async () => {
    const child = new Child(
      'node',
      script('setInterval(() => 0, 1000);'),
      [],
      join(directory, 'l'),
    );
    await expect(child.line(() => undefined, 50)).rejects.toMatchObject({ code: 'timeout' });
    child.signal('SIGKILL');
    await child.exited;
  });

  it('run to its end gives its output, or its complaint', async () => {
    const path = script(
      'if (process.argv[2] === "ok") console.log("fine"); else throw Error("bad");',
    );
    expect(await runToEnd('it', path, ['ok'])).toBe('fine\n');
    await expect(runToEnd('it', path, [])).rejects.toThrow(/it failed: [^]*Error: bad/);
  });
});

describe('the scope of a run', () => {
  it('ends with the first failure, and stops everything, last first', async () => {
    const scope = new Scope();
    const stopped: number[] = [];
    scope.onEnd(async () => void stopped.push(1));
    scope.onEnd(async () => {
      throw new Error('cannot be stopped');
    });
    scope.onEnd(async () => void stopped.push(3));
    const work = scope.guard(new Promise(() => undefined));
    scope.failsWith(Promise.reject(new Error('a node died')));
    await expect(work).rejects.toThrow('a node died');
    await expect(scope.guard(new Promise(() => undefined))).rejects.toThrow('a node died');
    await scope.end();
    expect(stopped).toEqual([3, 1]);
  });
});

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, describe, expect, it } from 'vitest';

import { forcedRuntime, RUNTIME_VARIABLE } from '../../../../src/memory/minilm/runtime.js';

interface Result {
  readonly runtime?: string;
  readonly vector?: readonly number[];
  readonly error?: string;
  readonly warnings: readonly string[];
}

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-runtime-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A project of a user with a package that calls itself `onnxruntime-node`, or without one. */
function project(name: string, code?: string): string {
  const folder = join(root, name);
  const installed = join(folder, 'node_modules', 'onnxruntime-node');
  mkdirSync(code === undefined ? folder : installed, { recursive: true });
  if (code === undefined) return folder;
  writeFileSync(join(installed, 'package.json'), '{"name":"onnxruntime-node","main":"index.js"}');
  writeFileSync(join(installed, 'index.js'), code);
  return folder;
}

const child = fileURLToPath(new URL('../minilm-child.js', import.meta.url));

async function embedIn(folder: string, forced = ''): Promise<Result> {
  const env = { ...process.env, [RUNTIME_VARIABLE]: forced };
  const { stdout } = await promisify(execFile)(process.execPath, [child], { cwd: folder, env });
  return JSON.parse(stdout) as Result;
}

/** A working package for any machine: the WebAssembly one under the other name. */
const webPath = createRequire(import.meta.url).resolve('onnxruntime-web');
const working = `module.exports = require(${JSON.stringify(webPath)});`;
const broken = `throw new Error("libonnxruntime.so.1: invalid ELF header\\nat somewhere");`;
const tooOld = `module.exports = { Tensor: class {}, InferenceSession: {
  create: async () => { throw new Error('opset 20 is under development'); } } };`;

describe('what runs the model', () => {
  it('is WebAssembly where nothing else is installed, and says nothing', async () => {
    const { runtime, vector, warnings } = await embedIn(project('plain'));
    expect(runtime).toBe('web');
    expect(vector).toHaveLength(384);
    expect(warnings).toEqual([]);
  });

  it('is the native runtime of the project of the user, unless told otherwise', async () => {
    const folder = project('installed', working);
    const native = await embedIn(folder);
    expect(native).toMatchObject({ runtime: 'node', warnings: [] });
    const web = await embedIn(folder, 'web');
    expect(web).toMatchObject({ runtime: 'web', warnings: [] });
    expect(web.vector).toEqual(native.vector);
  });

  it.each([
    ['broken', broken, /does not work \(libonnxruntime.so.1: invalid ELF header\); /],
    ['too old', tooOld, /does not work \(opset 20 is under development\); /],
  ])('falls back from an installation that is %s, with one line', async (name, code, line) => {
    const { runtime, warnings, vector } = await embedIn(project(name, code));
    expect(runtime).toBe('web');
    expect(vector).toHaveLength(384);
    expect(warnings).toEqual([expect.stringMatching(line)]);
    expect(warnings[0]).not.toContain('\n');
  });

  it('is not another than the one that is forced', async () => {
    const missing = await embedIn(project('forced without'), 'node');
    expect(missing.error).toMatch(/AGENTIC_FLOW_ONNX asks for onnxruntime-node, which is not/);
    const failing = await embedIn(project('forced broken', broken), 'node');
    expect(failing.error).toMatch(/does not work .*; install it again or unset AGENTIC_FLOW_ONNX/);
    const unknown = await embedIn(project('forced unknown'), 'cuda');
    expect(unknown.error).toBe('AGENTIC_FLOW_ONNX is "cuda"; it may be node, web or unset');
  });

  it('is left to the machine by an empty variable', () => {
    expect(forcedRuntime({})).toBeUndefined();
    expect(forcedRuntime({ [RUNTIME_VARIABLE]: '' })).toBeUndefined();
    expect(forcedRuntime({ [RUNTIME_VARIABLE]: 'web' })).toBe('web');
  });
});

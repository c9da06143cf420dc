import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileOf, readProjectFile, writeProjectFile } from '../../../src/mcp/project-files.js';

const base = mkdtempSync(join(tmpdir(), 'mcp-files-'));
const directory = join(base, 'project');

beforeAll(() => {
  mkdirSync(join(directory, 'src'), { recursive: true });
  mkdirSync(join(base, 'other'));
  writeFileSync(join(base, 'other/secret'), 'secret');
  writeFileSync(join(directory, 'src/a.txt'), 'a');
  symlinkSync(join(base, 'other'), join(directory, 'out'));
  symlinkSync(join(base, 'other/secret'), join(directory, 'link'));
  symlinkSync(join(base, 'other/new'), join(directory, 'dangling'));
  symlinkSync('a.txt', join(directory, 'src/inside'));
  symlinkSync(directory, join(base, 'by-link'));
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('a file of the project', () => {
  it.each([
    ['src/a.txt', 'src/a.txt'],
    ['./src/../src/a.txt', 'src/a.txt'],
    ['src/inside', 'src/a.txt'],
    ['new/folder/b', 'new/folder/b'],
    [join(directory, 'src/a.txt'), 'src/a.txt'],
  ])('is %s', async (given, name) => {
    expect((await fileOf(directory, given)).name).toBe(name);
  });

  it('may be named by way of a link to the project', async () => {
    const link = join(base, 'by-link');
    expect((await fileOf(link, join(link, 'src/a.txt'))).name).toBe('src/a.txt');
    expect((await fileOf(link, 'src/a.txt')).name).toBe('src/a.txt');
  });

  it.each([
    '../other/secret',
    'src/../../other/secret',
    '/etc/passwd',
    join(base, 'project-2/x'),
    'out/secret',
    'out/new',
    'link',
    'dangling',
    '.',
    '',
    '.git/hooks/pre-commit',
    '.agentic-flow/memory.v2.db',
    'node_modules/x/index.js',
  ])('is not %s', async (given) => {
    await expect(fileOf(directory, given)).rejects.toThrow(
      /outside|link to a file|do not touch|empty/,
    );
  });

  it('is read as text or refused', async () => {
    expect(await readProjectFile(await fileOf(directory, 'src/a.txt'))).toBe('a');
    expect(await readProjectFile(await fileOf(directory, 'none'))).toBeUndefined();
    writeFileSync(join(directory, 'binary'), Buffer.of(0xff, 0xfe, 0x80));
    const binary = await fileOf(directory, 'binary');
    await expect(readProjectFile(binary)).rejects.toThrow('no UTF-8 text');
    const folder = await fileOf(directory, 'src');
    await expect(readProjectFile(folder)).rejects.toThrow('no regular file');
    writeFileSync(join(directory, 'long'), 'x'.repeat(4_000_001));
    const long = await fileOf(directory, 'long');
    await expect(readProjectFile(long)).rejects.toThrow('at most 4000000');
  });

  it('is written whole, with its mode, and leaves nothing beside it', async () => {
    const path = join(directory, 'script.sh');
    writeFileSync(path, 'old');
    chmodSync(path, 0o755);
    await writeProjectFile(await fileOf(directory, 'script.sh'), 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o755);
    const again = writeProjectFile(await fileOf(directory, 'script.sh'), 'x', { isNew: true });
    await expect(again).rejects.toThrow('is there already');
    await expect(fileOf(directory, 'src/a.txt/below')).rejects.toThrow('below what is no folder');
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

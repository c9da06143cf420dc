/** The command line of stores, each command a process of its own. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { openMemoryStore } from '../../src/memory/index.js';
import { scratch } from './support/directories.js';
import { run, runJson } from './support/processes.js';
import { smallDisk } from './support/small-disk.js';

const store = (command: string, ...args: readonly string[]): string[] => [
  'store',
  command,
  ...args,
];

describe('agentic-flow store', () => {
  it('writes, reads and searches', async () => {
    const file = scratch('notes.db');
    const metadata = '{"kind":"animal"}';
    await runJson(store('put', file, 'a', 'red foxes jump over dogs', '--metadata', metadata));
    await runJson(store('put', file, 'b', 'the sky is wide and blue', '--namespace', 'team'));
    await runJson(store('put', file, 'c', 'no vector', '--no-embed', '--ttl', '100'));
    await runJson(store('link', file, 'a', 'c', '--type', 'next', '--weight', '0.5'));
    const found = await run(store('search', file, 'an animal that hunts', '--limit', '1'));
    expect(found.stdout).toMatch(/^0\.\d{3} {2}\d{4}-\S+ {2}a {2}red foxes jump over dogs\n$/);
    const inTeam = await runJson<{ hits: { id: string }[] }>(
      store('search', file, 'sky', '--namespace', 'team', '--mode', 'text'),
    );
    expect(inTeam.hits.map(({ id }) => id)).toEqual(['b']);
    const query = 'MATCH (x)-[r]->(y) RETURN x.id, type(r), r.weight, y.id';
    expect((await run(store('query', file, query))).stdout).toBe(
      'x.id\ttype(r)\tr.weight\ty.id\na\tnext\t0.5\tc\n',
    );
    expect(await pagesOf(file)).toEqual(['default/a', 'default/c', 'team/b']);
    expect(await runJson(store('get', file, 'c'))).toMatchObject({
      record: { content: 'no vector', expiresAt: expect.any(Number) as number },
    });
    expect(await runJson(store('stats', file))).toMatchObject({
      records: 3,
      edges: 1,
      vectors: 2,
      model: { model: 'all-MiniLM-L6-v2', dimensions: 384 },
      namespaces: [
        { namespace: 'default', records: 2 },
        { namespace: 'team', records: 1 },
      ],
    });
    expect((await run(store('unlink', file, 'a', 'c', '--type', 'next'))).code).toBe(0);
    expect((await run(store('unlink', file, 'a', 'c', '--type', 'next'))).code).toBe(1);
    expect((await run(store('delete', file, 'a'))).stdout).toBe('deleted a\n');
    const gone = await run(store('get', file, 'a'));
    expect(gone).toMatchObject({ code: 1, stdout: '' });
    expect(gone.stderr).toBe('error: there is no record with the id a in default\n');
  });

  it('checks, repairs, copies and carries over, and says so by its exit code', async () => {
    const file = scratch('many.db');
    const open = await openMemoryStore(file, { embedder: null, groupCommit: { maxDelayMs: 0 } });
    await open.putMany(
      Array.from({ length: 1000 }, (_, i) => ({ id: `r${i}`, content: `text ${i} `.repeat(20) })),
    );
    // Both of these read only, so the store may be open.
    expect((await run(store('check', file))).code).toBe(0);
    const backup = scratch('backup.db');
    expect(await runJson(store('backup', file, backup))).toMatchObject({ records: 1000 });
    const held = await run(store('put', file, 'x', 'y', '--no-embed'));
    expect(held.code).toBe(1);
    expect(held.stderr).toContain(`is opened by process ${process.pid} already`);
    await open.compact();
    await open.close();

    const again = await run(store('backup', file, backup));
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('overwrite') as string,
    });
    const lines = scratch('lines.jsonl');
    await runJson(store('export', file, lines));
    expect((await run(store('export', file, '-'))).stdout).toBe(readFileSync(lines, 'utf8'));
    const copy = scratch('copy.db');
    expect((await run(store('import', copy, lines, '--no-embed'))).stdout).toBe(
      '1000 records, 0 edges; 0 of them left out\n',
    );
    writeFileSync(lines, readFileSync(lines, 'utf8').replace('"id":"r500"', '"id":7'));
    const unmade = scratch('bad.db');
    const bad = await run(store('import', unmade, lines, '--no-embed'));
    expect(bad).toMatchObject({ code: 1, stdout: '' });
    expect(bad.stderr).toBe(
      'error: line 502 cannot be imported: id, namespace and content of a record are texts\n',
    );
    const missing = await run(store('import', unmade, scratch('missing.jsonl')));
    expect(missing.code).toBe(1);
    // There was no store, and there is none, nor anything beside it.
    const left = readdirSync(dirname(unmade)).filter((name) => name.startsWith(basename(unmade)));
    expect(left).toEqual([]);

    const bytes = readFileSync(file);
    bytes.fill(0, 4096 * 30, 4096 * 32);
    writeFileSync(file, bytes);
    const checked = await run(store('check', file));
    expect(checked.code).toBe(2);
    expect(checked.stdout).toContain('NOT WHOLE');
    const repaired = await run(store('repair', file));
    expect(repaired.code).toBe(2);
    expect(repaired.stdout).toMatch(/records {2}\d+ saved, [1-9]\d* lost/);
    expect(existsSync(`${file}.damaged`)).toBe(true);
    expect((await run(store('check', file))).code).toBe(0);
    expect((await run(store('repair', file))).code).toBe(0);
    expect((await run(store('check', scratch('none.db')))).code).toBe(1);
  });

  it('has every acknowledged record of a disk that filled up', async () => {
    const disk = smallDisk(2_000);
    const file = join(disk.directory, '..', 'notes.db');
    const lines = scratch('large.jsonl');
    const records = Array.from({ length: 500 }, (_, i) => {
      return JSON.stringify({ record: { id: `r${i}`, content: 'x'.repeat(20_000), timestamp: i } });
    });
    const header = '{"format":"agentic-flow-memory","version":1}';
    const end = '{"end":{"records":500,"edges":0}}';
    writeFileSync(lines, [header, ...records, end].join('\n'));
    const first = await run(store('put', file, 'first', 'text', '--no-embed'), disk.options());
    expect(first.code, first.stderr).toBe(0);
    const full = await run(store('import', file, lines, '--no-embed'), disk.options());
    expect(full).toMatchObject({ code: 1, stdout: '' });
    expect(full.stderr).toMatch(/disk is full|cannot grow|the disk failed|check the disk/);
    disk.grow();
    const whole = await run(store('import', file, lines, '--no-embed'), disk.options());
    expect(whole.code, whole.stderr).toBe(0);
    expect(await runJson(store('stats', file))).toMatchObject({ records: 501 });
    expect((await run(store('check', file))).code).toBe(0);
  });

  it('explains itself', async () => {
    const help = await run(store('--help'));
    for (const command of ['put', 'search', 'check', 'repair', 'backup', 'import']) {
      expect(help.stdout).toContain(`  ${command} [options] <file>`);
    }
    expect((await run(store('repair', '--help'))).stdout).toMatch(/Exit codes: 0 whole/);
    const wrong = await run(store('list', scratch('notes.db'), '--from', 'yesterday'));
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain('no date');
  });
});

/** The ids on a page of two records and on the one behind it, sorted. */
async function pagesOf(file: string): Promise<string[]> {
  interface Page {
    readonly records: { readonly id: string; readonly namespace: string }[];
    readonly cursor: string;
  }
  const all = store('list', file, '--all-namespaces', '--order', 'oldest');
  const first = await runJson<Page>([...all, '--limit', '2']);
  const rest = await runJson<Page>([...all, '--cursor', first.cursor]);
  const names = ({ records }: Page): string[] =>
    records.map(({ id, namespace }) => `${namespace}/${id}`);
  return [...names(first), ...names(rest)].sort();
}

/** Builds that are carried: what is taken in, what is refused, and that nothing is left of the latter. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { lstatSync, symlinkSync, chmodSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import { CarriedBuilds } from '../../../nodes/release/builds.js';
import type { BuildSource } from '../../../nodes/release/builds.js';
import { bytesOf, decodeManifest, encodeManifest } from '../../../nodes/release/build-manifest.js';
import type { BuildManifest } from '../../../nodes/release/build-manifest.js';
import { readReleases, releaseFiles, writeReleases } from '../../../nodes/release/files.js';
import type { ReleaseFiles } from '../../../nodes/release/files.js';
import { describeBuild, digestOf, nameOf } from '../../../nodes/release/identity.js';
import { ownFolder, requirePlainFiles } from '../../../nodes/release/identity.js';
import type { BuildFile } from '../../../nodes/release/identity.js';
import {
  BUILD_IDLE_MS,
  RELEASE_BYTES_MAX,
  RELEASE_FILES_MAX,
} from '../../../nodes/release/limits.js';
import { removeRelease } from '../../../nodes/release/registry.js';

vi.setConfig({ testTimeout: 120_000 });

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-builds-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const own = JSON.parse(readFileSync(join(ownFolder(), 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

/** Says what it is, as `release probe` of a real build does. */
const MAIN = `
import { identify } from ${JSON.stringify(join(ownFolder(), 'dist/nodes/release/identity.js'))};
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
await import('zod');
const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
console.log(JSON.stringify({ ...(await identify(folder)), commandVersion: 5, channelVersion: 1 }));
`;

/** A small build that runs; `files` come in addition. */
function build(files: Record<string, string> = {}, dependencies: object = {}): string {
  const folder = mkdtempSync(join(root, 'build-'));
  const wanted = { zod: own.dependencies['zod'], ...dependencies };
  const all = {
    'package.json': JSON.stringify({
      name: 'agentic-flow',
      version: '2.9.0',
      type: 'module',
      dependencies: wanted,
    }),
    'dist/src/cli/main.js': MAIN,
    'dist/nodes/empty.js': '',
    'dist/nodes/large.js': `// ${'x'.repeat(600_000)}\n`,
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function node(): { files: ReleaseFiles; builds: CarriedBuilds } {
  const files = releaseFiles(mkdtempSync(join(root, 'node-')));
  return { files, builds: new CarriedBuilds(files) };
}

/** A node that knows the build in a folder. */
async function holder(folder: string): Promise<{ builds: CarriedBuilds; manifest: BuildManifest }> {
  const { files, builds } = node();
  const manifest = await describeBuild(folder);
  const { name, digest } = manifest;
  await writeReleases(files, [{ name, digest, commandVersion: 5, path: folder, addedAtMs: 1 }]);
  return { builds, manifest };
}

const { signal } = new AbortController();

/** What lies in the folder of carried builds. */
function left({ builds }: ReleaseFiles): string[] {
  return existsSync(builds) ? readdirSync(builds) : [];
}

describe('a build', () => {
  it('comes from another member, file by file, and runs', async () => {
    const { builds: source, manifest } = await holder(build());
    const { files, builds } = node();
    const added = await builds.fetch(manifest.digest, source, signal);
    expect(added).toMatchObject({ name: manifest.name, digest: manifest.digest });
    expect(await describeBuild(added.path)).toEqual(manifest);
    expect(left(files)).toEqual([manifest.digest]);
    expect(lstatSync(join(added.path, 'node_modules', 'zod')).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(added.path, 'dist/src/cli/main.js')).mode & 0o7111).toBe(0);
    // It can be given on, and is not taken twice.
    const third = node();
    expect((await third.builds.fetch(manifest.digest, builds, signal)).digest).toBe(
      manifest.digest,
    );
    expect(await builds.offer(encodeManifest(manifest))).toEqual(added);
    await removeRelease(files, manifest.name);
    expect(left(files)).toEqual([]);
  });

  it('of which an answer was lost is sent on with the same bytes', async () => {
    const { builds: source, manifest } = await holder(build());
    const { files, builds } = node();
    expect(await builds.offer(encodeManifest(manifest))).toBeUndefined();
    const { digest } = manifest;
    const total = bytesOf(manifest.files);
    for (let offset = 0; offset < total; offset += 100_000) {
      const block = await source.read(digest, offset, Math.min(100_000, total - offset));
      await builds.put(digest, offset, block);
      await builds.put(digest, offset, block);
    }
    const added = await builds.end(digest);
    expect(await builds.end(digest)).toEqual(added);
    expect(await readReleases(files)).toEqual([added]);
  });

  /** What goes wrong on the way; each leaves nothing behind. */
  const failures: [string, (source: BuildSource) => BuildSource, RegExp][] = [
    [
      'a changed byte',
      (source) => ({
        ...bound(source),
        read: async (digest, offset, length) => {
          const bytes = Uint8Array.from(await source.read(digest, offset, length));
          if (offset === 0) bytes[5] = (bytes[5] ?? 0) ^ 1;
          return bytes;
        },
      }),
      /came with other bytes than the build has/,
    ],
    [
      'fewer bytes',
      (source) => ({
        ...bound(source),
        read: async (digest, offset, length) =>
          (await source.read(digest, offset, length)).subarray(0, length - 1),
      }),
      /bytes .* of a build of|bytes of the build came/,
    ],
    [
      'a source that ends',
      (source) => ({
        ...bound(source),
        read: async (digest, offset, length) => {
          if (offset > 0) throw new Error('the member is gone');
          return source.read(digest, offset, length);
        },
      }),
      /the member is gone/,
    ],
    [
      'another build',
      (source) => ({ ...bound(source), manifest: async () => (await otherManifest()).bytes }),
      /came where .* was asked for/,
    ],
  ];
  it.each(failures)('that comes with %s is refused', async (_what, spoil, complaint) => {
    const { builds: source, manifest } = await holder(build());
    const { files, builds } = node();
    const failed = builds.fetch(manifest.digest, spoil(source), signal);
    await expect(failed).rejects.toThrow(complaint);
    expect(left(files)).toEqual([]);
    expect(await readReleases(files)).toEqual([]);
    // And it can be had afterwards.
    await builds.fetch(manifest.digest, source, signal);
  });

  it('that does not run here, or needs what is not here, is refused', async () => {
    const broken: [string, RegExp][] = [
      [build({ 'dist/src/cli/main.js': 'process.exit(3);' }), /does not run here/],
      [build({}, { zod: '1.0.0' }), /needs zod 1\.0\.0, and the release that runs here has /],
      [build({}, { 'left-of-nothing': '1.0.0' }), /needs left-of-nothing 1\.0\.0, .* has none/],
      [build({}, { '../../zod': '1.0.0' }), /needs \.\.\/\.\.\/zod/],
    ];
    for (const [folder, complaint] of broken) {
      const { builds: source, manifest } = await holder(folder);
      const { files, builds } = node();
      await expect(builds.fetch(manifest.digest, source, signal)).rejects.toThrow(complaint);
      expect(left(files)).toEqual([]);
    }
  });

  it('that nobody offered, or while another comes, is refused', async () => {
    const { builds } = node();
    const { manifest } = await holder(build());
    const { digest } = manifest;
    await expect(builds.put(digest, 0, new Uint8Array(1))).rejects.toThrow('was offered');
    await expect(builds.end(digest)).rejects.toThrow('was offered');
    await expect(builds.manifest(digest)).rejects.toThrow('has no build');
    await builds.offer(encodeManifest(manifest));
    await expect(builds.offer((await otherManifest()).bytes)).rejects.toThrow('on its way');
    await builds.abandon(digest);
    await builds.offer((await otherManifest()).bytes);
  });

  it('of which nothing more comes is given up; what a killed process left is removed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { files, builds } = node();
    const { manifest } = await holder(build());
    await builds.offer(encodeManifest(manifest));
    expect(left(files)).toEqual([`${manifest.digest}.unfinished`]);
    vi.advanceTimersByTime(BUILD_IDLE_MS);
    vi.useRealTimers();
    await vi.waitFor(() => expect(left(files)).toEqual([]), { timeout: 30_000 });
    for (const name of [`${manifest.digest}.unfinished`, 'f'.repeat(64)]) {
      mkdirSync(join(files.builds, name, 'dist'), { recursive: true });
    }
    await builds.offer(encodeManifest(manifest));
    expect(left(files)).toEqual([`${manifest.digest}.unfinished`]);
    await builds.abandon(manifest.digest);
  });

  it('with a link, or with a file that is set-uid, is not sent', async () => {
    const folder = build();
    const { files } = await describeBuild(folder);
    await requirePlainFiles(folder, files);
    chmodSync(join(folder, 'dist/nodes/empty.js'), 0o4755);
    await expect(requirePlainFiles(folder, files)).rejects.toThrow('empty.js is set-uid');
    chmodSync(join(folder, 'dist/nodes/empty.js'), 0o644);
    rmSync(join(folder, 'package.json'));
    symlinkSync(join(ownFolder(), 'package.json'), join(folder, 'package.json'));
    await expect(requirePlainFiles(folder, files)).rejects.toThrow('package.json is no regular');
  });
});

function bound(source: BuildSource): BuildSource {
  return {
    manifest: (digest) => source.manifest(digest),
    read: (digest, offset, length) => source.read(digest, offset, length),
  };
}

async function otherManifest(): Promise<{ bytes: Uint8Array }> {
  return { bytes: encodeManifest(await describeBuild(build({ 'dist/other.js': '1' }))) };
}

describe('a manifest', () => {
  const sha256 = 'a'.repeat(64);
  const plain: BuildFile[] = [
    { path: 'dist/src/cli/main.js', bytes: 1, sha256 },
    { path: 'package.json', bytes: 1, sha256 },
  ];
  /** Of these files beside the needed ones, with a digest that is right. */
  function manifestOf(more: readonly BuildFile[], change: Partial<BuildManifest> = {}): Uint8Array {
    const files = [...plain, ...more].sort((a, b) => (a.path < b.path ? -1 : 1));
    const digest = digestOf(files);
    return encodeManifest({ name: nameOf('2.9.0', digest), digest, files, ...change });
  }

  it('has its bytes', () => {
    const digest = digestOf(plain);
    expect(Buffer.from(manifestOf([])).toString('hex')).toBe(
      `9401b2${Buffer.from(nameOf('2.9.0', digest)).toString('hex')}` +
        `d940${Buffer.from(digest).toString('hex')}92` +
        plain
          .map(({ path }) => {
            const length = 0xa0 + path.length;
            const text = Buffer.from(path).toString('hex');
            return `93${length.toString(16)}${text}01d940${Buffer.from(sha256).toString('hex')}`;
          })
          .join(''),
    );
    expect(decodeManifest(manifestOf([])).files).toEqual(plain);
  });

  const paths = [
    '../evil.js',
    'dist/../../evil.js',
    '/etc/passwd',
    'dist//x.js',
    'dist/./x.js',
    'dist/.../x.js',
    'dist\\x.js',
    'dist/x\0.js',
    'dist/ x.js',
    'node_modules/zod/index.js',
    'native/build/addon.node',
    'native',
    'dist/',
    '.npmrc',
    `dist/${'x'.repeat(300)}`,
    `dist/${'x/'.repeat(300)}y`,
    '',
  ];
  it.each(paths)('with the path %j is refused', (path) => {
    expect(() => decodeManifest(manifestOf([{ path, bytes: 1, sha256 }]))).toThrow(/path/);
  });

  const file = (path: string, bytes = 1): BuildFile => ({ path, bytes, sha256 });
  const many = Array.from({ length: RELEASE_FILES_MAX + 1 }, (_, i) => file(`dist/${i}.js`));
  const refused: [string, () => Uint8Array, RegExp][] = [
    ['a path twice', () => manifestOf([file('dist/a.js'), file('dist/a.js')]), /each once/],
    ['a file below a file', () => manifestOf([file('dist/a'), file('dist/a/b')]), /none below/],
    ['too many files', () => manifestOf(many), /files/],
    ['too many bytes', () => manifestOf([file('dist/a.js', RELEASE_BYTES_MAX)]), /bytes at most/],
    ['no main file', () => manifestOf([], { files: [plain[1]!] }), /among others/],
    ['the digest of other files', () => manifestOf([], { digest: sha256 }), /that of the files/],
    [
      'the name of another release',
      () => manifestOf([], { name: `2.9.0+${sha256}` }),
      /of the files/,
    ],
    ['no hexadecimal', () => manifestOf([{ ...file('dist/a.js'), sha256: 'A' }]), /hexadecimal/],
    ['no array', () => new Uint8Array([0xc1]), /not an array/],
    ['half of it', () => manifestOf([]).subarray(0, 60), /not msgpack/],
  ];
  it.each(refused)('with %s is refused', (_what, make, complaint) => {
    expect(() => decodeManifest(make())).toThrow(complaint);
  });
});

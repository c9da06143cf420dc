/** Go and etcd's raft from the packages of Debian, and the driver built against them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['golang-go', 'golang-etcd-server-dev'];
const GOPATH = '/usr/share/gocode';
const RAFT = join(GOPATH, 'src/go.etcd.io/etcd/raft/raft.go');
/** The source of the driver, seen from the compiled form of this file. */
const SOURCE = fileURLToPath(new URL('../../../test/differential/driver', import.meta.url));

function runs(command: string, ...words: readonly string[]): boolean {
  return spawnSync(command, words, { stdio: 'ignore' }).status === 0;
}

function isComplete(): boolean {
  return existsSync(RAFT) && runs('go', 'version');
}

/** Why the packages cannot be installed here, if so. */
function obstacle(): string | undefined {
  if (!runs('apt-get', '--version')) return 'there is no apt-get';
  return process.getuid?.() === 0 ? undefined : 'only root may install packages';
}

/**
 * Installs Go and etcd's raft by apt where they are missing. Throws an `Error` that says what to do
 * if that is not permitted or fails.
 */
export function ensureGo(mayInstall: boolean): void {
  if (isComplete()) return;
  const command = `apt-get install --no-install-recommends ${PACKAGES.join(' ')}`;
  const why = mayInstall ? obstacle() : 'installing is switched off';
  if (why !== undefined) {
    throw new Error(`Go or etcd's raft is missing and ${why}; as root, run: ${command}`);
  }
  process.stdout.write(`installing ${PACKAGES.join(' and ')}\n`);
  const words = ['install', '-y', '--no-install-recommends', ...PACKAGES];
  const { status } = spawnSync('apt-get', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0 || !isComplete()) {
    throw new Error(`${RAFT} or go is missing after: ${command} (exit code ${status})`);
  }
}

/** Versions of the packages that are compared with. */
export function versions(): string {
  const words = ['-W', '-f=${Package} ${Version}\n', ...PACKAGES];
  return execFileSync('dpkg-query', words).toString().trim().replaceAll('\n', ', ');
}

/** Builds the driver into a new temporary folder, which `remove` deletes. */
export function buildDriver(): { readonly path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'raft-differential-'));
  const path = join(folder, 'driver');
  // Packages of Debian are found by GOPATH, without modules and without the network.
  const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOFLAGS: '', GOPROXY: 'off' };
  execFileSync('go', ['build', '-o', path, '.'], { cwd: SOURCE, env, stdio: 'inherit' });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

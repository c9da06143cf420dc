import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a binary may be put that is not to be installed. */
const BESIDE = fileURLToPath(new URL('../../../bench/peers/etcd', import.meta.url));

/** Why etcd is not measured, and what to do. */
export const ETCD_MISSING =
  'no etcd in PATH and none at bench/peers/etcd; install the package etcd-server, or: ' +
  'apt-get download etcd-server && dpkg-deb --fsys-tarfile etcd-server_*.deb | ' +
  'tar -xO ./usr/bin/etcd > bench/peers/etcd && chmod +x bench/peers/etcd';

/** Path of an etcd that can be run. */
export function findEtcd(
  path: string = process.env['PATH'] ?? '',
  beside: string = BESIDE,
): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return [...folders.map((folder) => join(folder, 'etcd')), beside].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Every file, folder and link below a folder, with all that a rollback gives back. */
export function treeOf(root: string): Record<string, string> {
  const tree: Record<string, string> = {};
  const visit = (path: string): void => {
    const found = lstatSync(path, { bigint: true });
    const mode = (found.mode & 0o7777n).toString(8);
    let what = `${mode} ${found.uid}:${found.gid} ${found.mtimeNs}`;
    if (found.isSymbolicLink()) what = `link ${readlinkSync(path)} ${found.mtimeNs}`;
    else if (found.isFile()) {
      what += ` ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    }
    tree[relative(root, path)] = what;
    if (found.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
  };
  if (existsSync(root)) visit(root);
  return tree;
}

/** What differs between two trees, in sentences. */
export function treeDifferences(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return paths
    .filter((path) => before[path] !== after[path])
    .map((path) => {
      const name = path === '' ? '.' : path;
      if (after[path] === undefined) return `${name} is missing`;
      if (before[path] === undefined) return `${name} was not there`;
      return `${name} was ${before[path]} and is ${after[path]}`;
    });
}

/**
 * What a build needs beside its own files. Dependencies are not carried, since they are large and made for
 * one kind of machine: a build that came from elsewhere uses those of the release that runs here, by links to
 * them. It is refused where they are of other versions than the ones that its `package.json` names.
 */
import { mkdir, readFile, realpath, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { z } from 'zod';

import { NodeError, messageOf } from '../errors.js';
import { nodeDisk } from '../storage/disk.js';
import type { BuildManifest } from './build-manifest.js';
import { describeBuild, ownFolder } from './identity.js';

const packageFile = z.object({
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).default({}),
  optionalDependencies: z.record(z.string(), z.string()).default({}),
});
type PackageFile = z.infer<typeof packageFile>;

/** A name as npm allows it: no way out of the folder. */
const PACKAGE_NAME = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * Links what the build in `folder` needs.
 * @throws NodeError `refused` with what is missing, or of another version.
 */
export async function linkDependencies(folder: string, manifest: BuildManifest): Promise<void> {
  const { dependencies, optionalDependencies } = await readPackage(join(folder, 'package.json'));
  const own = await realpath(ownFolder());
  for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies })) {
    const isOptional = Object.hasOwn(optionalDependencies, name);
    const found = PACKAGE_NAME.test(name) ? await findPackage(own, name) : undefined;
    if (found?.version === version) await link(found.folder, join(folder, 'node_modules', name));
    else if (!isOptional) {
      throw new NodeError(
        'refused',
        `${manifest.name} needs ${name} ${version}, and the release that runs here has ` +
          `${found?.version ?? 'none'}. Install the build on this machine by hand, and add it with ` +
          `'agentic-flow release add PATH'`,
      );
    }
  }
  if (await hasSameAddon(own, manifest)) {
    await link(join(own, 'native', 'build'), join(folder, 'native', 'build'));
  }
}

/** The native addon of the release that runs serves a build with the same sources; others do without. */
async function hasSameAddon(own: string, { files }: BuildManifest): Promise<boolean> {
  const built = await stat(join(own, 'native', 'build')).catch(() => undefined);
  if (built === undefined) return false;
  const { files: ownFiles } = await describeBuild(own);
  return sourcesOf(ownFiles) === sourcesOf(files);
}

function sourcesOf(files: BuildManifest['files']): string {
  return JSON.stringify(files.filter(({ path }) => path.startsWith('native/')));
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await symlink(await realpath(target), path);
  await nodeDisk.syncDirectory(dirname(path));
}

/** Where Node would find it from there, and its version. */
async function findPackage(
  from: string,
  name: string,
): Promise<{ readonly folder: string; readonly version: string } | undefined> {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name);
    const found = await readPackage(join(folder, 'package.json')).catch(() => undefined);
    if (found !== undefined) return { folder, version: found.version };
    if (at === dirname(at)) return undefined;
  }
}

async function readPackage(path: string): Promise<PackageFile> {
  try {
    return packageFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new NodeError('malformed', `${path} cannot be used: ${messageOf(error)}`, error);
  }
}

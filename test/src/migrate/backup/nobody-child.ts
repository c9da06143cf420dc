/** A backup and a restore without the rights of root, to whom no file is read-only. Prints the outcome. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BackupError, makeBackup, restoreBackup } from '../../../../src/migrate/backup/index.js';
import { treeDifferences, treeOf } from './tree.js';

const NOBODY = 65_534;
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

const root = process.argv[2] ?? '';
const directory = join(root, 'project');
const locked = join(directory, 'locked');
const config = join(locked, 'router.config.json');
const secret = join(directory, '.env');
mkdirSync(locked, { recursive: true });
writeFileSync(config, '{}');
writeFileSync(secret, 'KEY=secret');
chmodSync(config, 0o444);
chmodSync(locked, 0o555);
const before = treeOf(directory);
const home = join(root, 'home');
const installation = { directory, home, stores: [], configs: [{ path: config }] };
const backup = await makeBackup({ installation, to: join(root, 'backup') });
chmodSync(config, 0o644);
writeFileSync(config, '{"changed":true}');
chmodSync(config, 0o444);
const report = await restoreBackup(backup, { aside: join(root, 'aside') });

const configs = [{ path: secret }];
const differences = treeDifferences(before, treeOf(directory));
chmodSync(secret, 0o000);
const refused = await makeBackup({
  installation: { ...installation, configs },
  to: join(root, 'other'),
}).catch((error: unknown) => error);
process.stdout.write(
  JSON.stringify({
    differences,
    restored: report.restored,
    refused: refused instanceof BackupError ? refused.code : String(refused),
  }),
);

/** Plans and applies the configuration of the directory in its arguments; killed while it does. */
import { applyConfig, planConfig } from '../../../../src/migrate/config/index.js';
import { describeInstallation } from './installation-files.js';

const [directory = '', home = ''] = process.argv.slice(2);
const plan = await planConfig(describeInstallation(directory, home), {
  sideBySide: false,
  env: {},
});
process.stdout.write('planned\n');
await applyConfig(plan);

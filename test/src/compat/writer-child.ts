/** Puts so many records through a session, or until it is killed, and names each once it is acknowledged. */
import { writeSync } from 'node:fs';
import { openProject } from '../../../src/compat/index.js';

const [directory = '', prefix = '', most = 'Infinity'] = process.argv.slice(2);
const { records } = openProject(directory);
for (let count = 0; count < Number(most); count += 1) {
  const id = `${prefix}-${count}`;
  records.put({ id, content: `content of ${id}`, vector: null });
  try {
    writeSync(1, `${id}\n`);
  } catch {
    // The test is over.
    process.exit(0);
  }
}

/**
 * Puts so many records through a session, or until it is killed, and appends the id of each that was
 * acknowledged to a file: a pipe would fill up, since whoever waits for the store reads none.
 */
import { openSync, writeSync } from 'node:fs';
import { openProject } from '../../../src/compat/index.js';

const [directory = '', prefix = '', acknowledged = '', most = 'Infinity'] = process.argv.slice(2);
const file = openSync(acknowledged, 'a');
const { records } = openProject(directory);
for (let count = 0; count < Number(most); count += 1) {
  const id = `${prefix}-${count}`;
  records.put({ id, content: `content of ${id}`, vector: null });
  writeSync(file, `${id}\n`);
}

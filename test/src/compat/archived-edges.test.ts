import { expect, it } from 'vitest';

import { readArchivedEdges } from '../../../src/compat/layout/archived-edges.js';
import { Database } from '../../../src/memory/database.js';
import { scratch } from '../memory/support.js';

it('finds no edges in an archive of another form, or where none is', () => {
  const path = scratch('other.db');
  expect(readArchivedEdges(path)).toEqual([]);
  const database = Database.open(path, { create: true });
  database.exec('CREATE TABLE others (id INTEGER PRIMARY KEY)');
  database.close();
  expect(readArchivedEdges(path)).toEqual([]);
});

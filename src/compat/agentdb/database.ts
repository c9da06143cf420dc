/**
 * What v1's classes are given as their database: a project here, or a connection of v1's. Of the latter only
 * the path counts: it says which project is meant, and nothing is read or written through it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProject, placesOf, projectOfFile } from '../places.js';
import { Project, projectAt } from '../project.js';

const temporary = new WeakMap<object, Project>();

export function projectOf(database: unknown): Project {
  if (database instanceof Project) return database;
  const path = pathOf(database);
  if (path === ':memory:') return temporaryProject(database as object);
  const cwd = process.cwd();
  return projectAt(path === undefined ? findProject(cwd, process.env) : projectOfFile(path, cwd));
}

/** Of better-sqlite3 (`name`) and agentdb's sql.js (`filename`), or given as it is. */
function pathOf(database: unknown): string | undefined {
  if (typeof database === 'string' && database !== '') return database;
  if (typeof database !== 'object' || database === null) return undefined;
  for (const field of ['name', 'filename']) {
    const value: unknown = Reflect.get(database, field);
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}

/** Goes with the process, as a database in memory does. */
function temporaryProject(database: object): Project {
  let project = temporary.get(database);
  if (project === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-memory-'));
    const made = new Project(placesOf(folder));
    process.once('exit', () => {
      made.close();
      rmSync(folder, { recursive: true, force: true });
    });
    temporary.set(database, made);
    project = made;
  }
  return project;
}

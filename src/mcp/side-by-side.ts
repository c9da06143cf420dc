/**
 * Values by key in a project that runs side by side with v1 (docs/migration.md): v1's file gets what the store
 * gets, or neither does. The other tools write what v1 kept in files that v2 does not write.
 */
import { openMirror } from '../compat/mirror.js';
import { isSideBySide, placesOf } from '../compat/places.js';
import type { MemoryStore, RecordInput } from '../memory/index.js';
import { memoryKey } from '../memory/memory-key.js';
import type { Operation } from '../memory/store/operations.js';
import { putOperation } from '../memory/store/records.js';
import type { ProjectStore } from './project-store.js';

export async function putValue(
  project: ProjectStore,
  store: MemoryStore,
  record: RecordInput,
): Promise<void> {
  await mirrored(
    project,
    () => putOperation(record),
    () => store.put(record),
  );
}

/** False if there is none. */
export async function deleteValue(
  project: ProjectStore,
  store: MemoryStore,
  { namespace, id }: { readonly namespace: string; readonly id: string },
): Promise<boolean> {
  const operation = (): Operation => ({ type: 'delete', key: memoryKey(namespace, id) });
  return mirrored(project, operation, () => store.delete(id, { namespace }));
}

async function mirrored<T>(
  project: ProjectStore,
  operation: () => Operation,
  write: () => Promise<T>,
): Promise<T> {
  const places = placesOf(project.directory);
  if (!isSideBySide(places)) return write();
  // The file of v1 takes one transaction at a time.
  return project.inTurn('side by side', async () => {
    const mirror = openMirror(places);
    try {
      const waiting = mirror.begin([operation()]);
      let result: T;
      try {
        result = await write();
      } catch (error) {
        waiting.rollback();
        throw error;
      }
      waiting.commit();
      return result;
    } finally {
      mirror.close();
    }
  });
}

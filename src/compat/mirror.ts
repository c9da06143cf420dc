/** Writes of a project that runs side by side, as v1 would have made them. */
import type { ProjectPlaces } from './places.js';
import type { Mirror } from './session.js';

export function openMirror(_places: ProjectPlaces): Mirror {
  throw new Error('in the making');
}

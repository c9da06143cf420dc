import { NAME_CHARACTERS_MAX } from './limits.js';

/** Why a text cannot be the name of a topic, in a sentence; undefined when it can. */
export function topicNameProblem(name: unknown): string | undefined {
  const isName =
    typeof name === 'string' && name.length <= NAME_CHARACTERS_MAX && /^[\w./-]+$/.test(name);
  if (isName) return undefined;
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 200)) : typeof name;
  return (
    `${shown} is no name of a topic; give 1 to ${NAME_CHARACTERS_MAX} letters, ` +
    'digits, dots, underscores, hyphens and slashes'
  );
}

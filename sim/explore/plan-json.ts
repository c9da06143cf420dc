/** JSON from a file that anybody may have written, within bounds. */
import { SimulationError } from '../world/index.js';
import { limits } from './limits.js';

/** Parses JSON. Throws `SimulationError` with code `invalid-plan`, with line and column. */
export function parseBounded(text: string): unknown {
  if (text.length > limits.planCharactersMax) {
    throw new SimulationError(
      'invalid-plan',
      `the file has ${text.length} characters; at most ${limits.planCharactersMax} are read`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The engine shows the text itself, with the ends of its lines.
    const message = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
    throw new SimulationError(
      'invalid-plan',
      `it is not JSON${placeIn(text, message)}: ${message}`,
    );
  }
  checkBounds(value);
  return value;
}

/** Line and column of the position that the engine's message names; nothing if it names none. */
function placeIn(text: string, message: string): string {
  const isAtEnd = message.startsWith('Unexpected end');
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined && !isAtEnd) return '';
  const at = position === undefined ? text.length : Number(position);
  const before = text.slice(0, at).split('\n');
  return ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
}

/** Bounds of depth and width, without recursion, so that depth itself cannot end the process. */
function checkBounds(root: unknown): void {
  const pending: { readonly value: unknown; readonly path: string; readonly depth: number }[] = [
    { value: root, path: '$', depth: 0 },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, path, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > limits.planDepthMax) {
      throw new SimulationError(
        'invalid-plan',
        `${path.slice(0, 100)}... nests deeper than ${limits.planDepthMax}`,
      );
    }
    const members = Object.entries(value);
    if (members.length > limits.planMembersMax) {
      const what = `${path} has ${members.length} members; at most ${limits.planMembersMax}`;
      throw new SimulationError('invalid-plan', what);
    }
    for (const [name, member] of members) {
      if (name === '__proto__') {
        throw new SimulationError('invalid-plan', `${path}.__proto__ is not allowed`);
      }
      const at = Array.isArray(value) ? `${path}[${name}]` : `${path}.${name.slice(0, 60)}`;
      pending.push({ value: member, path: at, depth: depth + 1 });
    }
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

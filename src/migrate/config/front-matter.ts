/**
 * The head of an agent file as agentic-flow v1 read it. Not YAML: `---`, lines `key: value`, `---`, with
 * LF only; a line of another shape is passed over, of a key that is there twice the last counts, and one
 * quotation mark is taken off each end of a value. From `dist/utils/agentLoader.js` of 1.10.2, where it is
 *
 *     content.match(/^---\n([\s\S]*?)\n---\n([\s\S]*)$/)   and   line.match(/^(\w+):\s*(.+)$/)
 *
 * The second takes quadratic time for a line of spaces; `readLine` gives the same in one pass.
 */

export interface FrontMatter {
  readonly fields: ReadonlyMap<string, string>;
  /** The text between the two lines of dashes. */
  readonly head: string;
  readonly body: string;
}

const OPENING = '---\n';
const CLOSING = '\n---\n';

/** Undefined where v1 said 'Agent file missing frontmatter'. */
export function parseFrontMatter(content: string): FrontMatter | undefined {
  if (!content.startsWith(OPENING)) return undefined;
  const end = content.indexOf(CLOSING, OPENING.length);
  if (end < 0) return undefined;
  const head = content.slice(OPENING.length, end);
  const fields = new Map<string, string>();
  for (const line of head.split('\n')) {
    const field = readLine(line);
    if (field !== undefined) fields.set(...field);
  }
  return { fields, head, body: content.slice(end + CLOSING.length) };
}

/** The tools of v1: split at commas, with the blanks around taken off. */
export function toolsOf(value: string): string[] {
  return value.split(',').map((tool) => tool.trim());
}

function readLine(line: string): [key: string, value: string] | undefined {
  const key = /^\w+(?=:)/.exec(line)?.[0];
  if (key === undefined) return undefined;
  const rest = line.slice(key.length + 1);
  const trimmed = rest.trimStart();
  // `.+` has to match something, so of a value of blanks alone v1 kept the last.
  const value = trimmed === '' ? rest.slice(-1) : trimmed;
  if (value === '' || /[\r\u2028\u2029]/.test(value)) return undefined;
  return [key, value.replace(/^["']/, '').replace(/["']$/, '')];
}

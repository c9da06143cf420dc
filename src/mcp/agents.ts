/** Agents that are defined in `.claude/agents` of a project, in v1's own front matter. */
import { opendir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { ToolError } from './errors.js';
import { AGENT_FILES_MAX } from './limits.js';
import { fileOf, readProjectFile } from './project-files.js';

export interface AgentDefinition {
  readonly name: string;
  readonly description: string;
  /** First folder below the agents' one; `custom` without any. */
  readonly category: string;
  /** From the agents' folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

const FOLDER = join('.claude', 'agents');

/** By path. Files that are no definition, or that may not be read, are left out. */
export async function agentsOf(directory: string): Promise<AgentDefinition[]> {
  const paths: string[] = [];
  await collect(join(directory, FOLDER), '', paths);
  const found: AgentDefinition[] = [];
  for (const path of paths.sort()) {
    const agent = await agentAt(directory, path);
    if (agent !== undefined) found.push(agent);
  }
  return found;
}

async function collect(root: string, below: string, paths: string[]): Promise<void> {
  let folder;
  try {
    folder = await opendir(join(root, below));
  } catch {
    return;
  }
  for await (const entry of folder) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    // Links are not followed: a loop of them would not end.
    if (entry.isDirectory()) await collect(root, path, paths);
    else if (entry.isFile() && path.endsWith('.md') && entry.name !== 'README.md') paths.push(path);
    if (paths.length > AGENT_FILES_MAX) {
      throw new ToolError(`${FOLDER} has more than ${AGENT_FILES_MAX} definitions`);
    }
  }
}

async function agentAt(directory: string, path: string): Promise<AgentDefinition | undefined> {
  let text: string | undefined;
  try {
    text = await readProjectFile(await fileOf(directory, join(FOLDER, path)));
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
  if (text === undefined) return undefined;
  const head = headOf(text);
  if (head === undefined) return undefined;
  const category = path.includes('/') ? path.split('/', 1)[0]! : 'custom';
  return { ...head, category, path, text };
}

/** One `key: value` a line between two lines of dashes, or the headings of a text without it. */
function headOf(text: string): { name: string; description: string } | undefined {
  const plain = text.replaceAll('\r\n', '\n');
  const front = /^---\n([\s\S]*?)\n---(?:\n|$)/.exec(plain)?.[1] ?? '';
  const fields = new Map<string, string>();
  for (const line of front.split('\n')) {
    const [, key, value] = /^(\w+):\s*(.+)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) {
      fields.set(key, value.trim().replaceAll(/^["']|["']$/g, ''));
    }
  }
  const [name, description] = [fields.get('name'), fields.get('description')];
  if (name !== undefined && description !== undefined) return { name, description };
  const heading = /^# +(.+)$/m.exec(plain)?.[1];
  if (heading === undefined) return undefined;
  const said = /^## +Description\s*\n\s*(.+)$/m.exec(plain)?.[1];
  return { name: heading.trim(), description: said?.trim() ?? 'No description available' };
}

/** Lower case, hyphens for spaces, and nothing that could be a path. */
export function kebab(text: string): string {
  return text
    .toLowerCase()
    .trim()
    .replaceAll(/\s+/g, '-')
    .replaceAll(/[^a-z0-9-]/g, '');
}

/** Where the definition of a new agent goes, from the directory of the project. */
export function newAgentPath(category: string, name: string): string {
  return [...FOLDER.split(sep), category, `${name}.md`].join('/');
}

/** A definition as v1 wrote it. What would end a line of the front matter becomes a space. */
export function definitionOf(agent: {
  readonly name: string;
  readonly description: string;
  readonly systemPrompt: string;
  readonly tools: readonly string[];
}): string {
  const head = [`name: ${agent.name}`, `description: ${oneLine(agent.description)}`];
  if (agent.tools.length > 0) head.push(`tools: ${agent.tools.map(oneLine).join(', ')}`);
  return `---\n${head.join('\n')}\n---\n\n${agent.systemPrompt.trim()}\n`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

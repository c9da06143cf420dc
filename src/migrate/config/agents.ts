/** Agents, commands, skills and scripts of v1: `agents.json`. Their files stay where they are. */
import { parse as parseYaml } from 'yaml';

import type { V1ConfigFile } from '../../v1/rows.js';
import { capabilitiesOf } from './capabilities.js';
import type { Conversion } from './conversion.js';
import type { AgentConfig, AgentsConfig, Converted } from './formats.js';
import { type FrontMatter, parseFrontMatter, toolsOf } from './front-matter.js';
import { cleanJson, isObject, type JsonObject, newObject } from './json-text.js';
import {
  DECLARED_MAX,
  DESCRIPTION_CHARACTERS_MAX,
  DOCUMENTS_MAX,
  YAML_ALIASES_MAX,
} from './limits.js';
import type { SourceFile } from './source-file.js';

/** Where `agentic-flow agent create` put agents of the user; of v1's own, one lies there. */
const CUSTOM_FOLDER = '.claude/agents/custom/';
const LONG_RUNNER = 'test-long-runner';

export function convertAgents(conversion: Conversion): Converted<AgentsConfig> | undefined {
  const agents = bounded(conversion, conversion.files('agent')).sort(inV1Order);
  const commands = bounded(conversion, conversion.files('command'));
  const skills = bounded(conversion, conversion.files('skill'));
  const helpers = conversion.files('helper').slice(0, DOCUMENTS_MAX);
  const files = [...agents, ...commands, ...skills, ...helpers];
  if (files.length === 0) return undefined;
  if (commands.length + skills.length > 0) {
    const sentence =
      'commands and skills stay where they are for Claude Code; v2 lists them and runs none';
    conversion.note('.claude', sentence);
  }
  return {
    from: [...new Set(files.map(({ name }) => folderOf(name)))],
    agents: markOverridden(
      conversion,
      agents.flatMap((file) => convertAgent(conversion, file) ?? []),
    ),
    commands: commands.flatMap((file) => convertDocument(conversion, file) ?? []),
    skills: skills.flatMap((file) => convertDocument(conversion, file) ?? []),
    helpers: helpers.map(({ name }) => ({ file: name })),
  };
}

function bounded(conversion: Conversion, files: readonly V1ConfigFile[]): V1ConfigFile[] {
  if (files.length > DOCUMENTS_MAX) {
    const first = files[DOCUMENTS_MAX]!.name;
    conversion.quarantine(
      first,
      `it and what follows: at most ${DOCUMENTS_MAX} of a kind are carried`,
    );
  }
  return files.slice(0, DOCUMENTS_MAX);
}

/** v1 walked folders in the order of the bytes of names, a folder where its name stands. */
function inV1Order(a: V1ConfigFile, b: V1ConfigFile): number {
  const [left, right] = [a.name.split('/'), b.name.split('/')];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const order = Buffer.compare(Buffer.from(left[at]!), Buffer.from(right[at]!));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function folderOf(name: string): string {
  return name.split('/').slice(0, 2).join('/');
}

function convertAgent(conversion: Conversion, file: V1ConfigFile): AgentConfig | undefined {
  const source = conversion.document(file);
  if (source === undefined) return undefined;
  if (file.name.endsWith('/README.md')) return undefined;
  const v1 = readAsV1(source);
  const fields = v1 ?? readLeniently(source);
  if (fields === undefined) {
    conversion.quarantine(
      file.name,
      'v1 did not read it: no front matter and no title; kept as it is',
    );
    return undefined;
  }
  if (fields.name.includes('\0') || fields.name.length > 200) {
    conversion.quarantine(file.name, 'its name is not one that can be called; kept as it is');
    return undefined;
  }
  const reason = v1 === undefined ? fields.reason : undefined;
  if (reason !== undefined) conversion.note(file.name, `v1 did not run it by name: ${reason}`);
  const { name, description } = fields;
  if (
    file.name.startsWith(CUSTOM_FOLDER) &&
    name !== LONG_RUNNER &&
    capabilitiesOf(name) !== undefined
  ) {
    conversion.note(file.name, `has the name of v1's own agent ${name} and takes its place`);
  }
  const declared = clean(conversion, file.name, fields.declared);
  const color = fields.color;
  return {
    name,
    file: file.name,
    description: cleanText(conversion, file.name, description),
    capabilities: [...(capabilitiesOf(name) ?? declared)],
    declared,
    tools: clean(conversion, file.name, fields.tools),
    ...(fields.type === undefined ? {} : { type: fields.type }),
    ...(color === undefined ? {} : { color }),
    loadedByV1: v1 !== undefined,
    ...(reason === undefined ? {} : { reason }),
  };
}

interface AgentFields {
  readonly name: string;
  readonly description: string;
  readonly tools: readonly string[];
  readonly declared: readonly string[];
  readonly type?: string | undefined;
  readonly color?: string | undefined;
  readonly reason?: string;
}

/** Undefined where v1's loader passed the file over. */
function readAsV1(source: SourceFile): AgentFields | undefined {
  if (source.byteOrderMark) return undefined;
  const parsed = parseFrontMatter(source.text);
  const name = parsed?.fields.get('name') ?? '';
  const description = parsed?.fields.get('description') ?? '';
  if (parsed === undefined || name === '' || description === '') return undefined;
  return { name, description, ...declarations(parsed.head, parsed.fields) };
}

/** What a person would take the file for, when only one reading is possible. */
function readLeniently(source: SourceFile): AgentFields | undefined {
  const text = source.text.replace(/\r\n?/g, '\n');
  const parsed = parseFrontMatter(text.endsWith('\n') ? text : `${text}\n`);
  if (parsed === undefined) return readHeadings(text);
  const name = parsed.fields.get('name') ?? textOf(blockOf(parsed.head, 'name'));
  if (name === undefined || name === '') return readHeadings(parsed.body);
  const description = describe(parsed);
  const reason = unreadReason(source, text);
  return { name, description, reason, ...declarations(parsed.head, parsed.fields) };
}

/** On the line of its key as v1 wanted it, or as YAML: over several lines, or inside `metadata`. */
function describe({ head, fields }: FrontMatter): string {
  const own = fields.get('description');
  if (own !== undefined && !/^[>|][+-]?$/.test(own)) return own;
  const metadata = blockOf(head, 'metadata');
  const inside = isObject(metadata) ? textOf(metadata['description']) : undefined;
  return textOf(blockOf(head, 'description')) ?? inside ?? '';
}

function unreadReason(source: SourceFile, text: string): string {
  if (source.byteOrderMark) return 'the file begins with a byte order mark';
  if (text !== source.text) return 'its lines end in CRLF, and v1 read LF only';
  const head = parseFrontMatter(source.text);
  if (head === undefined) return 'its front matter is not closed by a whole line of three dashes';
  if (!head.fields.has('name')) return 'its front matter has no name on the line of its key';
  return `its front matter has no description on the line of its key`;
}

/** Files of the tool `agent_add` have headings instead; `agentic-flow agent list` showed them. */
function readHeadings(text: string): AgentFields | undefined {
  const title = /^# +(\S[^\n]{0,200})$/m.exec(text)?.[1]?.trim();
  if (title === undefined) return undefined;
  const description = /^## +Description *\n+ *(\S[^\n]*)$/m.exec(text)?.[1]?.trim() ?? '';
  const section = /^## +Capabilities *\n+((?:[-*] [^\n]*\n?)+)/m.exec(text)?.[1] ?? '';
  const called = /--agent +([a-z0-9][a-z0-9_-]{0,100})/.exec(text)?.[1];
  return {
    name: called ?? title,
    description,
    tools: [],
    declared: section.split('\n').flatMap((line) => line.replace(/^[-*] +/, '').trim() || []),
    reason: 'it has no front matter',
  };
}

/** v1 itself saw `tools` and `color` alone; Claude Code and claude-flow read the rest as YAML. */
function declarations(
  head: string,
  fields: ReadonlyMap<string, string>,
): Pick<AgentFields, 'tools' | 'declared' | 'type' | 'color'> {
  const tools = fields.get('tools');
  return {
    tools: tools === undefined ? listOf(blockOf(head, 'tools')) : bareTools(tools),
    declared: listOf(blockOf(head, 'capabilities')),
    type: fields.get('type'),
    color: fields.get('color'),
  };
}

/** The value of one key, read as YAML; of heads that hold whole templates the rest is not parsed. */
function blockOf(head: string, key: string): unknown {
  const lines = head.split('\n');
  const first = lines.findIndex((line) => line.startsWith(`${key}:`));
  if (first < 0) return undefined;
  const rest = lines.slice(first + 1);
  const end = rest.findIndex((line) => /^[^\s#-]/.test(line));
  const block = [lines[first]!, ...(end < 0 ? rest : rest.slice(0, end))];
  return yamlOf(block.join('\n'))[key];
}

/** `[Read, "Grep"]` was two odd names to v1; what is meant is plain. */
function bareTools(value: string): string[] {
  const inside = /^\[(.*)\]$/.exec(value.trim())?.[1] ?? value;
  return toolsOf(inside)
    .map((tool) => tool.replace(/^["']|["']$/g, ''))
    .filter((tool) => tool !== '');
}

function yamlOf(head: string): JsonObject {
  try {
    const value = cleanJson(
      parseYaml(head, { maxAliasCount: YAML_ALIASES_MAX, logLevel: 'silent' }),
    );
    return isObject(value) ? value : newObject();
  } catch {
    // v1's grammar is not YAML, so a head that is none is nothing unusual.
    return newObject();
  }
}

function listOf(value: unknown): string[] {
  if (typeof value === 'string') return toolsOf(value).filter((item) => item !== '');
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is string => typeof item === 'string' && item !== '');
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function clean(conversion: Conversion, name: string, texts: readonly string[]): string[] {
  return texts.slice(0, DECLARED_MAX).map((text) => cleanText(conversion, name, text));
}

function cleanText(conversion: Conversion, name: string, text: string): string {
  const cut = text.slice(0, DESCRIPTION_CHARACTERS_MAX);
  return String(conversion.copy(cut, name, ''));
}

/** Of agents with one name v1 ran the last; the others could not be reached. */
function markOverridden(conversion: Conversion, agents: readonly AgentConfig[]): AgentConfig[] {
  const last = new Map<string, string>();
  for (const agent of agents) if (agent.loadedByV1) last.set(agent.name, agent.file);
  return agents.map((agent) => {
    const winner = last.get(agent.name);
    if (winner === undefined || winner === agent.file) return agent;
    const reason = `v1 ran ${winner} under this name`;
    conversion.note(agent.file, `v1 did not run it by name: ${reason}`);
    return { ...agent, loadedByV1: false, reason: agent.reason ?? reason };
  });
}

function convertDocument(
  conversion: Conversion,
  file: V1ConfigFile,
): { name: string; file: string; description: string } | undefined {
  const source = conversion.document(file);
  if (source === undefined) return undefined;
  const parsed = parseFrontMatter(source.text.replace(/\r\n?/g, '\n'));
  const parts = file.name.split('/');
  const stem = parts.at(-1)!.replace(/\.md$/, '');
  const own = stem === 'SKILL' ? (parts.at(-2) ?? stem) : stem;
  const description = parsed === undefined ? '' : describe(parsed);
  return {
    name: parsed?.fields.get('name') ?? own,
    file: file.name,
    description: cleanText(conversion, file.name, description),
  };
}

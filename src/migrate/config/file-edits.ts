/** What is changed in files of the user: the v2 server is added, what v1 broke is mended, no more. */
import type { Node } from 'jsonc-parser';

import type { V1ConfigFile } from '../../v1/rows.js';
import type { Conversion } from './conversion.js';
import { unifiedDiff } from './diff.js';
import {
  appendItem,
  appendProperty,
  applyEdits,
  type Edit,
  removeProperties,
  replaceNode,
} from './json-edits.js';
import { isObject, type JsonObject, memberOf, parseJson, propertiesOf } from './json-text.js';
import { maskJson } from './mask-json.js';
import { isOwnServer, SERVER, SERVER_NAME, serversKey } from './mcp-servers.js';
import { perCharacterEnv } from './per-character.js';
import { type FileChange, FileContent } from './plan-types.js';
import { printable } from './printable.js';
import { isInside } from './source-file.js';

const PERMISSION = `mcp__${SERVER_NAME}`;

/** A file, its tree, and how the edits of it are found. */
interface Editing {
  readonly conversion: Conversion;
  readonly file: V1ConfigFile;
  readonly text: string;
  readonly root: Node;
  readonly value: JsonObject;
}

export function planFileEdits(conversion: Conversion): FileChange[] {
  const changes: FileChange[] = [];
  const servers = new Set<string>();
  const add = (file: V1ConfigFile, edit: (editing: Editing) => Edit[]): void => {
    const change = editFile(conversion, file, edit);
    if (change !== undefined) changes.push(change);
  };
  for (const file of conversion.files('mcp-servers')) {
    add(file, (editing) => {
      const edits = [...addServer(editing), ...mendVariables(editing)];
      for (const name of serverNames(editing, edits)) servers.add(name);
      return edits;
    });
  }
  for (const file of conversion.files('settings')) {
    add(file, (editing) => [...enableServer(editing, servers), ...permitServer(editing)]);
  }
  for (const file of conversion.files('home-mcp-config')) add(file, mendVariables);
  if (conversion.files('mcp-servers').length === 0) {
    const command = `claude mcp add ${SERVER_NAME} -- npx agentic-flow mcp start`;
    conversion.note('.mcp.json', `is not there and is not made; to use v2's tools: ${command}`);
  }
  return changes;
}

/** A file outside of the directory and the home, or one that cannot be read, is not touched. */
function editFile(
  conversion: Conversion,
  file: V1ConfigFile,
  edit: (editing: Editing) => Edit[],
): FileChange | undefined {
  if (!conversion.roots.some((root) => isInside(file.path, root))) return undefined;
  const settings = conversion.settings(file);
  if (settings === undefined) return undefined;
  const { text, byteOrderMark, content } = settings.source;
  const reading = parseJson(text);
  if (!reading.ok) return undefined;
  const { value } = settings;
  const edits = edit({ conversion, file, text, root: reading.root, value });
  if (edits.length === 0) return undefined;
  const after = applyEdits(text, edits);
  // The edits work on text; what they made has to be JSON again, or the file is left.
  if (!parseJson(after).ok) {
    conversion.quarantine(file.name, 'its layout is not understood; add the server by hand');
    return undefined;
  }
  const diff = unifiedDiff(file.name, maskJson(text), maskJson(after));
  return {
    path: file.path,
    name: file.name,
    kind: 'change',
    before: content,
    after: new FileContent((byteOrderMark ? '\uFEFF' : '') + after),
    diff: printable(conversion.scrubber.seal(diff), true),
  };
}

function addServer({ conversion, file, text, root, value }: Editing): Edit[] {
  const servers = value['mcpServers'];
  if (servers === undefined) {
    return appendProperty(text, root, 'mcpServers', { [SERVER_NAME]: SERVER });
  }
  const node = memberOf(root, 'mcpServers');
  if (!isObject(servers) || node === undefined) return [];
  const present = servers[SERVER_NAME];
  if (present === undefined) return appendProperty(text, node, SERVER_NAME, SERVER);
  if (!isOwnServer(SERVER_NAME, present)) {
    const wanted = [SERVER.command, ...SERVER.args].join(' ');
    conversion.note(
      file.name,
      `its server ${SERVER_NAME} is kept as it is; for v2 it has to run ${wanted}`,
    );
  }
  return [];
}

/** Which servers the file has once it is edited. */
function serverNames({ text }: Editing, edits: readonly Edit[]): string[] {
  const reading = parseJson(applyEdits(text, edits));
  const servers = reading.ok && isObject(reading.value) ? reading.value['mcpServers'] : undefined;
  return Object.keys(isObject(servers) ? servers : {});
}

/** Takes out what `mcp add --env` of v1 made: the server then sees the variable of its environment. */
function mendVariables({ file, root }: Editing): Edit[] {
  const servers = memberOf(root, serversKey(file));
  if (servers === undefined) return [];
  return propertiesOf(servers).flatMap(([, server]) => {
    const env = memberOf(server, 'env');
    if (env === undefined || env.type !== 'object') return [];
    const entries = propertiesOf(env).map(([key, child]) => [key, child.value] as const);
    const broken = perCharacterEnv(Object.fromEntries(entries) as JsonObject);
    return broken === undefined ? [] : removeProperties(env, new Set(broken.characters));
  });
}

/** Claude Code asks for servers of `.mcp.json` unless they are listed here by their exact names. */
function enableServer(editing: Editing, servers: ReadonlySet<string>): Edit[] {
  const { conversion, file, text, root, value } = editing;
  const node = memberOf(root, 'enabledMcpjsonServers');
  const enabled = value['enabledMcpjsonServers'];
  if (node === undefined || !Array.isArray(enabled)) return [];
  const edits: Edit[] = [];
  for (const item of node.children ?? []) {
    const name: unknown = item.value;
    if (typeof name !== 'string' || servers.has(name)) continue;
    // `claude-flow init` wrote claude-flow@alpha there and enabled claude-flow here.
    const meant = [...servers].filter((server) => server.startsWith(`${name}@`));
    const [only] = meant;
    if (meant.length !== 1 || only === undefined || enabled.includes(only)) continue;
    edits.push(replaceNode(item, only));
    conversion.note(
      file.name,
      `enabled ${name}, which .mcp.json calls ${only}; now it enables that`,
    );
  }
  if (!servers.has(SERVER_NAME) || enabled.includes(SERVER_NAME)) return edits;
  const disabled = value['disabledMcpjsonServers'];
  if (Array.isArray(disabled) && disabled.includes(SERVER_NAME)) {
    conversion.note(file.name, `disables the server ${SERVER_NAME}; that is kept`);
    return edits;
  }
  return [...edits, ...appendItem(text, node, SERVER_NAME)];
}

/** Only where tools of MCP servers are permitted at all. */
function permitServer({ conversion, file, text, root, value }: Editing): Edit[] {
  const permissions = value['permissions'];
  const node = memberOf(memberOf(root, 'permissions'), 'allow');
  if (!isObject(permissions) || node === undefined) return [];
  const listed = (key: string): string[] => {
    const items = permissions[key];
    return Array.isArray(items)
      ? items.filter((item): item is string => typeof item === 'string')
      : [];
  };
  const ours = (item: string): boolean => item === PERMISSION || item.startsWith(`${PERMISSION}__`);
  if (!listed('allow').some((item) => item.startsWith('mcp__'))) return [];
  if (listed('allow').some(ours)) return [];
  if ([...listed('deny'), ...listed('ask')].some(ours)) {
    conversion.note(file.name, `denies or asks about ${PERMISSION}; that is kept`);
    return [];
  }
  return appendItem(text, node, PERMISSION);
}

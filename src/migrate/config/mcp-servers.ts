/** MCP servers of `.mcp.json` and `~/.agentic-flow/mcp-config.json`: `mcp.json`. */
import type { V1ConfigFile } from '../../v1/rows.js';
import type { Conversion } from './conversion.js';
import { ConfigError } from './errors.js';
import type { Converted, McpConfig, McpServerConfig } from './formats.js';
import { isObject, type Json, type JsonObject, newObject } from './json-text.js';
import { perCharacterEnv } from './per-character.js';
import { readConfig } from './read-config.js';

export function convertMcpServers(conversion: Conversion): Converted<McpConfig> | undefined {
  const files = [...conversion.files('mcp-servers'), ...conversion.files('home-mcp-config')];
  if (files.length === 0) return undefined;
  const earlier = earlierServers(conversion);
  const servers = files
    .flatMap((file) => convertFile(conversion, file))
    .map((server) => withRecovered(conversion, server, earlier));
  const readable = files.filter((file) => conversion.settings(file) !== undefined);
  if (readable.length === 0) return undefined;
  return { from: readable.map(({ name }) => name), servers };
}

/** The name of the object that holds the servers, in each of the two files. */
export function serversKey(file: V1ConfigFile): 'mcpServers' | 'servers' {
  return file.kind === 'mcp-servers' ? 'mcpServers' : 'servers';
}

function earlierServers(conversion: Conversion): readonly McpServerConfig[] {
  const { directory } = conversion.installation;
  try {
    return readConfig(directory, ['mcp']).mcp?.servers ?? [];
  } catch (error) {
    // None that can be used; the plan lists it.
    if (error instanceof ConfigError) return [];
    throw error;
  }
}

/** A variable that an earlier run recovered is gone from v1's file since that run mended it. */
function withRecovered(
  conversion: Conversion,
  server: McpServerConfig,
  earlier: readonly McpServerConfig[],
): McpServerConfig {
  const before = earlier.find(({ name, from }) => name === server.name && from === server.from);
  const recovered = Object.entries(before?.env ?? {}).filter(
    ([name, value]) => value === `\${${name}}` && !Object.hasOwn(server.env, name),
  );
  for (const [name] of recovered) conversion.note(server.from, recoveredNote(server.name, name));
  if (recovered.length === 0) return server;
  return { ...server, env: { ...server.env, ...Object.fromEntries(recovered) } };
}

function convertFile(conversion: Conversion, file: V1ConfigFile): McpServerConfig[] {
  const settings = conversion.settings(file);
  if (settings === undefined) return [];
  const key = serversKey(file);
  const servers = settings.value[key];
  if (servers === undefined) return [];
  if (!isObject(servers)) {
    conversion.quarantine(file.name, `"${key}" is no object; no server of it is carried`);
    return [];
  }
  return Object.entries(servers).flatMap(([name, server]) => {
    if (isOwnServer(name, server)) return [];
    if (isObject(server)) return [convertServer(conversion, file, name, server)];
    conversion.quarantine(file.name, `its server ${name} is no object; not carried`);
    return [];
  });
}

/** The name of v2's server in `.mcp.json`, and what it is there. */
export const SERVER_NAME = 'agentic-flow';
export const SERVER = { command: 'npx', args: ['agentic-flow', 'mcp', 'start'], type: 'stdio' };

/** Whether an entry runs `npx agentic-flow mcp start`, with v2's name. */
export function isOwnServer(name: string, server: Json): boolean {
  if (name !== SERVER_NAME || !isObject(server) || server['command'] !== SERVER.command)
    return false;
  return JSON.stringify(server['args']) === JSON.stringify(SERVER.args);
}

function convertServer(
  conversion: Conversion,
  file: V1ConfigFile,
  name: string,
  server: JsonObject,
): McpServerConfig {
  const env = repairedEnv(conversion, file, name, server['env']);
  const copied = conversion.copy({ ...server, env }, file.name, name);
  const copy = isObject(copied) ? copied : newObject();
  const text = (key: string): string | undefined => {
    const value = copy[key];
    return typeof value === 'string' ? value : undefined;
  };
  const [command, url, description] = [text('command'), text('url'), text('description')];
  if (command === undefined && url === undefined) {
    conversion.quarantine(
      file.name,
      `its server ${name} has no command and no url; it cannot start`,
    );
  }
  const headers = copy['headers'];
  return {
    name,
    from: file.name,
    enabled: server['enabled'] !== false && server['disabled'] !== true,
    type: text('type') ?? (url === undefined ? 'stdio' : 'http'),
    ...(command === undefined ? {} : { command }),
    args: Array.isArray(copy['args']) ? copy['args'].flatMap(plainText) : [],
    env: textsOf(copy['env']),
    ...(url === undefined ? {} : { url }),
    ...(isObject(headers) ? { headers: textsOf(headers) } : {}),
    ...(description === undefined ? {} : { description }),
  };
}

/** The variables of a server without what `mcp add --env` of v1 made of one. */
function repairedEnv(
  conversion: Conversion,
  file: V1ConfigFile,
  server: string,
  env: Json | undefined,
): JsonObject {
  if (!isObject(env)) return newObject();
  const broken = perCharacterEnv(env);
  if (broken === undefined) return env;
  const repaired = newObject();
  for (const [key, value] of Object.entries(env)) {
    if (!broken.characters.includes(key)) repaired[key] = value;
  }
  const { variable, candidates } = broken;
  if (variable !== undefined) {
    repaired[variable] = `\${${variable}}`;
    conversion.note(file.name, recoveredNote(server, variable));
  } else {
    const guess = candidates.length > 0 ? ` (${candidates.join(' or ')})` : '';
    conversion.quarantine(
      file.name,
      `${perCharacterOf(server)}; its name is not certain${guess}: add it again`,
    );
  }
  return repaired;
}

function perCharacterOf(server: string): string {
  return `the variable of its server ${server} was stored one character an entry by v1`;
}

function recoveredNote(server: string, variable: string): string {
  return `${perCharacterOf(server)}; it must have been ${variable}, whose value is lost: set it again`;
}

function textsOf(value: Json | undefined): Record<string, string> {
  const texts = newObject() as Record<string, string>;
  for (const [key, item] of Object.entries(isObject(value) ? value : {})) {
    for (const text of plainText(item)) texts[key] = text;
  }
  return texts;
}

function plainText(value: Json): string[] {
  return ['string', 'number', 'boolean'].includes(typeof value) ? [String(value)] : [];
}

/** A server as an editor starts it, with the official client at the other end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

export const MAIN = join(import.meta.dirname, '../../../src/cli/main.js');

export interface Called {
  readonly text: string;
  readonly isError: boolean;
  readonly structured: Readonly<Record<string, unknown>> | undefined;
}

export interface Connection {
  readonly client: Client;
  readonly pid: number;
  call(name: string, args?: Record<string, unknown>): Promise<Called>;
  /** What the server wrote to standard error. */
  readonly stderr: () => string;
  close(): Promise<void>;
}

export async function connect(
  directory: string,
  more: readonly string[] = [],
): Promise<Connection> {
  const args = [MAIN, 'mcp', 'start', '--data', directory, ...more];
  const transport = new StdioClientTransport({ command: process.execPath, args, stderr: 'pipe' });
  let stderr = '';
  transport.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  return {
    client,
    pid: transport.pid ?? 0,
    stderr: () => stderr,
    close: () => client.close(),
    call: async (name, given = {}) => {
      const result = await client.callTool({ name, arguments: given });
      const texts = result.content.map((part) => (part.type === 'text' ? part.text : ''));
      return {
        text: texts.join('\n'),
        isError: result.isError === true,
        structured: result.structuredContent as Called['structured'],
      };
    },
  };
}

/** Fields of an answer that is JSON. */
export function json(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

/** An empty directory that is removed by what it returns. */
export function temporaryProject(): { directory: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'mcp-'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** One server for many tests, which may start it again. */
export interface Caller {
  readonly directory: string;
  call(name: string, args?: Record<string, unknown>): Promise<Called>;
  /** The text of a call that must succeed. */
  ok(name: string, args?: Record<string, unknown>): Promise<string>;
  restart(): Promise<void>;
}

/** What the group of the pattern holds. */
export function found(text: string, pattern: RegExp): string {
  const [, value] = pattern.exec(text) ?? [];
  expect(value, `${String(pattern)} in ${text}`).toBeDefined();
  return value!;
}

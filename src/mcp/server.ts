/** The protocol's side of the tools: what lists them, and what calls them. */
import { randomUUID } from 'node:crypto';
import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { CompatError } from '../compat/index.js';
import { MemoryError } from '../memory/index.js';
import { packageVersion } from '../version.js';
import { CallMetrics } from './call-metrics.js';
import { type Catalogue, catalogueOf } from './catalogue.js';
import type { Answer } from './context.js';
import { ToolError } from './errors.js';
import { ANSWER_CHARACTERS_MAX, CALLS_MAX, SHUTDOWN_MS } from './limits.js';
import type { PackageName } from './packages.js';
import { ProjectStore, type ProjectStoreOptions } from './project-store.js';

export interface ToolServerOptions extends ProjectStoreOptions {
  /** The project. */
  readonly directory: string;
  /** All when left out. */
  readonly packages?: readonly PackageName[] | undefined;
}

/** What all connections of one process share. */
export class ToolServer {
  readonly catalogue: Catalogue;
  readonly #project: ProjectStore;
  readonly #metrics = new CallMetrics();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor({ directory, packages, ...options }: ToolServerOptions) {
    this.catalogue = catalogueOf(packages);
    this.#project = new ProjectStore(directory, options);
  }

  /** One for each connection, or for each request over HTTP. */
  connection(): Server {
    const server = new Server(
      { name: 'agentic-flow', version: packageVersion() },
      { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
    );
    const tools = [...this.catalogue.offered.values()].map(
      ({ name, description, inputSchema }) => ({
        name,
        description,
        inputSchema: inputSchema as { type: 'object' },
      }),
    );
    server.setRequestHandler('tools/list', () => ({ tools }));
    server.setRequestHandler('tools/call', async ({ params }, context) => {
      const call = this.#call(params.name, params.arguments, context);
      this.#underWay.add(call);
      try {
        return await call;
      } finally {
        this.#underWay.delete(call);
      }
    });
    return server;
  }

  /** Lets the calls under way end, and closes the store. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const longest = new Promise((resolve) => {
      timer = setTimeout(resolve, SHUTDOWN_MS);
    });
    await Promise.race([Promise.allSettled(this.#underWay), longest]);
    clearTimeout(timer);
    await this.#project.close();
  }

  async #call(name: string, given: unknown, context: ServerContext): Promise<CallToolResult> {
    const tool = this.catalogue.offered.get(name);
    if (tool === undefined) throw this.#unknown(name);
    if (this.#underWay.size >= CALLS_MAX) {
      return failure(`${CALLS_MAX} calls are under way already; try again when some have ended`);
    }
    const startedMs = performance.now();
    let result: CallToolResult;
    try {
      const prepared = tool.prepare(given);
      const { signal } = context.mcpReq;
      signal.throwIfAborted();
      const rest = { project: this.#project, signal, metrics: this.#metrics };
      result = resultOf(await prepared.tool(prepared.args, rest));
    } catch (error) {
      result = failure(messageOf(error));
    }
    this.#metrics.add(name, performance.now() - startedMs, result.isError === true);
    return result;
  }

  #unknown(name: string): ProtocolError {
    const missing = this.catalogue.missing.get(name);
    const shown = JSON.stringify(name.slice(0, 100));
    const sentence =
      missing === undefined
        ? `there is no tool ${shown}; tools/list says which there are`
        : `${shown} is a tool of v1 that is not yet offered: ${missing.reason}`;
    return new ProtocolError(ProtocolErrorCode.InvalidParams, sentence);
  }
}

const INSTRUCTIONS =
  'Memory of this project that outlives the conversation: episodes, skills, patterns, causal edges, ' +
  'learning sessions and values by key, in one store, with the tools of agentic-flow 1, agentdb 1 and ' +
  'claude-flow 2.7.';

function resultOf({ text, structured, isError = false }: Answer): CallToolResult {
  const isCut = text.length > ANSWER_CHARACTERS_MAX;
  const shown = isCut
    ? `${text.slice(0, ANSWER_CHARACTERS_MAX)}\n[cut: ${text.length} characters]`
    : text;
  return {
    content: [{ type: 'text', text: shown }],
    ...(structured === undefined ? {} : { structuredContent: structured }),
    ...(isError ? { isError } : {}),
  };
}

function failure(sentence: string): CallToolResult {
  return { content: [{ type: 'text', text: `❌ Error: ${sentence}` }], isError: true };
}

/** Errors of the server go to standard error with a number that the caller may name. */
function messageOf(error: unknown): string {
  const isKnown =
    error instanceof ToolError || error instanceof MemoryError || error instanceof CompatError;
  if (isKnown) return error.message;
  if (error instanceof Error && error.name === 'AbortError') return 'the call was cancelled';
  const number = randomUUID().slice(0, 8);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`internal error ${number}: ${detail}\n`);
  return `the server failed (${number}); its standard error says how`;
}

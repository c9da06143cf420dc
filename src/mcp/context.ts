/** What a tool gets and gives. */
import type { JsonObject } from '../memory/engine.js';
import type { MemoryStore } from '../memory/index.js';
import type { Arguments } from './arguments.js';
import type { CallMetrics } from './call-metrics.js';
import type { ProjectStore } from './project-store.js';

export interface CallContext {
  readonly project: ProjectStore;
  /** Aborted when the client cancels the call. */
  readonly signal: AbortSignal;
  readonly metrics: CallMetrics;
}

export interface Answer {
  readonly text: string;
  /** The same for programs, where the text cannot hold it. */
  readonly structured?: JsonObject;
  readonly isError?: boolean;
}

/** Throws `ToolError` for what the caller should read; what else it throws is an error of the server. */
export type Tool = (args: Arguments, context: CallContext) => Promise<Answer>;

export type Tools = Readonly<Record<string, Tool>>;

/** A tool that works on the open store. */
export function onStore(
  work: (args: Arguments, store: MemoryStore, context: CallContext) => Promise<Answer | string>,
): Tool {
  return async (args, context) => {
    const answer = await context.project.use((store) => {
      // It may have been cancelled while another program had the store.
      context.signal.throwIfAborted();
      return work(args, store, context);
    });
    return typeof answer === 'string' ? { text: answer } : answer;
  };
}

/** The same for one that needs the model of the texts. */
export function onStoreWithModel(work: Parameters<typeof onStore>[0]): Tool {
  const tool = onStore(work);
  return async (args, context) => {
    await context.project.warm();
    return tool(args, context);
  };
}

/** The answer of the tools that answered with JSON in v1. */
export function jsonAnswer(value: JsonObject, isError = false): Answer {
  return { text: JSON.stringify(value, null, 2), ...(isError ? { isError } : {}) };
}

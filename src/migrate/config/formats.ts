/** The files of `.agentic-flow/config`, as they are written and read. Each carries its version. */
import { z } from 'zod';

export const CONFIG_FORMAT = 1;

const text = z.string();
const texts = z.array(text);
const anything = z.record(text, z.unknown());

const head = {
  format: z.literal(CONFIG_FORMAT),
  /** Files of v1 that it was made from. */
  from: texts,
  /** What has no counterpart in v2 yet, and what to look at. */
  notes: texts,
  /** SHA-256 of the rest as it was written: tells a file that the user changed since. */
  checksum: z.string(),
};

const swarmSchema = z.object({
  ...head,
  /** For `agentic-flow node start --listen HOST:PORT`. */
  listen: z.object({ host: text, port: z.number().int().min(1).max(65_535) }).optional(),
  /** Settings of v1 without a counterpart yet. */
  v1: z.object({
    environment: z.record(text, text),
    hive: anything.optional(),
    queens: anything.optional(),
    workers: anything.optional(),
    claudeFlow: anything.optional(),
  }),
});

const agentSchema = z.object({
  name: text,
  /** Where its prompt is. */
  file: text,
  description: text,
  /** Words of v2; empty for an agent of the user's own that declares none. */
  capabilities: texts,
  /** As the file declares them. */
  declared: texts,
  tools: texts,
  type: text.optional(),
  color: text.optional(),
  /** Whether v1 could run it by name; if not, why. */
  loadedByV1: z.boolean(),
  reason: text.optional(),
});

const documentSchema = z.object({ name: text, file: text, description: text });

const agentsSchema = z.object({
  ...head,
  agents: z.array(agentSchema),
  commands: z.array(documentSchema),
  skills: z.array(documentSchema),
  helpers: z.array(z.object({ file: text })),
});

const routerSchema = z.object({
  ...head,
  defaultProvider: text.optional(),
  fallbackChain: texts,
  providers: z.record(text, anything),
  rules: z.array(anything),
  v1: anything,
});

const mcpServerSchema = z.object({
  name: text,
  from: text,
  enabled: z.boolean(),
  type: text,
  command: text.optional(),
  args: texts,
  env: z.record(text, text),
  url: text.optional(),
  headers: z.record(text, text).optional(),
  description: text.optional(),
});

const mcpSchema = z.object({ ...head, servers: z.array(mcpServerSchema) });

const hooksSchema = z.object({
  ...head,
  hooks: z.array(
    z.object({
      event: text,
      matcher: text.optional(),
      command: text,
      file: text,
      /** Whether it runs a program of v1. */
      callsV1: z.boolean(),
    }),
  ),
});

const reasoningbankSchema = z.object({ ...head, settings: anything });

/** By the name of the file without `.json`. */
export const SCHEMAS = {
  swarm: swarmSchema,
  agents: agentsSchema,
  router: routerSchema,
  mcp: mcpSchema,
  hooks: hooksSchema,
  reasoningbank: reasoningbankSchema,
} as const;

export type ConfigName = keyof typeof SCHEMAS;
export type SwarmConfig = z.infer<typeof swarmSchema>;
export type AgentConfig = z.infer<typeof agentSchema>;
export type AgentsConfig = z.infer<typeof agentsSchema>;
export type RouterConfig = z.infer<typeof routerSchema>;
export type McpServerConfig = z.infer<typeof mcpServerSchema>;
export type McpConfig = z.infer<typeof mcpSchema>;
export type HooksConfig = z.infer<typeof hooksSchema>;
export type ReasoningbankConfig = z.infer<typeof reasoningbankSchema>;

/** What a conversion gives: the head is added when it is written. */
export type Converted<T> = Omit<T, 'format' | 'notes' | 'checksum'>;

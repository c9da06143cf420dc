/** Which commands an engine takes, and the text of a memory that is embedded and searched. */
import { hash } from 'node:crypto';

import type { JsonObject, MemoryCommand } from './engine.js';
import { isExpiry } from './expiry.js';
import {
  CONTENT_CHARACTERS_MAX,
  HELD_CONTENT_CHARACTERS_MAX,
  HELD_METADATA_CHARACTERS_MAX,
  METADATA_CHARACTERS_MAX,
  NAME_CHARACTERS_MAX,
  TIMESTAMP_MAX_MS,
  VECTOR_DIMENSIONS_MAX,
} from './limits.js';

/** Longest texts of a memory. */
export interface TextLimits {
  readonly contentCharactersMax: number;
  readonly metadataCharactersMax: number;
}

/** Of a command that a swarm carries, and of a record that is put, */
export const COMMAND_TEXTS: TextLimits = {
  contentCharactersMax: CONTENT_CHARACTERS_MAX,
  metadataCharactersMax: METADATA_CHARACTERS_MAX,
};
/** and of a record that a store holds. */
export const HELD_TEXTS: TextLimits = {
  contentCharactersMax: HELD_CONTENT_CHARACTERS_MAX,
  metadataCharactersMax: HELD_METADATA_CHARACTERS_MAX,
};

/**
 * The reason why engines refuse a command with the outcome `invalid`, or undefined if they take it.
 * A proposer asks before it proposes. Pure, so that all nodes agree.
 */
export function commandProblem(
  command: MemoryCommand,
  { contentCharactersMax, metadataCharactersMax }: TextLimits = COMMAND_TEXTS,
): string | undefined {
  const { timestampMs } = command;
  if (!Number.isSafeInteger(timestampMs) || timestampMs < 0 || timestampMs > TIMESTAMP_MAX_MS) {
    return 'the timestamp is no whole number of milliseconds since 1970';
  }
  if (command.type === 'deleteMemory' || command.type === 'expireMemory')
    return nameProblem('id', command.id);
  if (command.type === 'addEdge' || command.type === 'deleteEdge') {
    const { from, to, relation } = command;
    const isWeight = command.type === 'deleteEdge' || (command.weight >= 0 && command.weight <= 1);
    if (!isWeight) return 'the weight is not between 0 and 1';
    return nameProblem('from', from) ?? nameProblem('to', to) ?? nameProblem('relation', relation);
  }
  const { id, content, metadata, vector, expiresAtMs } = command;
  if (expiresAtMs !== undefined && !isExpiry(expiresAtMs)) {
    return 'it expires at no whole number of milliseconds since 1970';
  }
  if (content.length > contentCharactersMax) return 'the content is too long';
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    return 'the metadata is no object';
  }
  if (JSON.stringify(metadata).length > metadataCharactersMax) return 'the metadata is too long';
  if (vector !== null) {
    const problem = nameProblem('model', vector.model) ?? vectorProblem(vector.values);
    if (problem !== undefined) return problem;
  }
  return nameProblem('id', id);
}

/** Half of a surrogate pair: no UTF-8 can carry it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** SQLite's text ends at a NUL for its readers, and half a surrogate pair is no UTF-8. */
function nameProblem(field: string, name: string): string | undefined {
  if (name === '') return `the ${field} is empty`;
  if (name.length > NAME_CHARACTERS_MAX) return `the ${field} is too long`;
  if (name.includes('\0') || LONE_SURROGATE.test(name)) return `the ${field} is no valid text`;
  return undefined;
}

function vectorProblem(values: Float32Array): string | undefined {
  if (values.length === 0 || values.length > VECTOR_DIMENSIONS_MAX) {
    return `the vector has ${values.length} components`;
  }
  return isFinite(values) ? undefined : 'the vector holds a value that is no number';
}

/** A loop: `every` calls a function for each component. */
function isFinite(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at += 1) {
    if (!Number.isFinite(values[at] as number)) return false;
  }
  return true;
}

/**
 * The text of a memory that is embedded and searched: title and description of the metadata, where
 * the content does not already hold them, then the content. v1 embeds the same three.
 */
export function embeddingText(content: string, metadata: JsonObject): string {
  const parts: string[] = [];
  for (const part of [metadata['title'], metadata['description']]) {
    if (typeof part === 'string' && part !== '' && !content.includes(part)) parts.push(part);
  }
  parts.push(content);
  return parts.join('\n');
}

/** SHA-256 of a text's UTF-8 in hexadecimal: the name by which nodes ask each other for its vector. */
export function textHash(text: string): string {
  return hash('sha256', text, 'hex');
}

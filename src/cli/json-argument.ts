import { InvalidArgumentError } from 'commander';

import type { JsonObject } from '../memory/index.js';

/** Reads the JSON object that an option must be. */
export function jsonObjectOf(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('it is not JSON.');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new InvalidArgumentError('it must be a JSON object.');
}

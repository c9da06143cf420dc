/** Values of checked arguments and of stored metadata, by their types. */
import type { JsonObject, JsonValue } from '../memory/engine.js';
import type { Arguments } from './arguments.js';
import { ToolError } from './errors.js';
import { NAME_CHARACTERS_MAX, RESULTS_MAX } from './limits.js';

/** The text, or what stands for none. */
export function text(args: Arguments, name: string, otherwise = ''): string {
  const value = args[name];
  return typeof value === 'string' ? value : otherwise;
}

export function optionalText(args: Arguments, name: string): string | undefined {
  const value = args[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A text that names something: not empty, and short. */
export function nameText(args: Arguments, name: string, otherwise?: string): string {
  const value = optionalText(args, name) ?? otherwise;
  if (value === undefined) throw new ToolError(`argument "${name}" is empty`);
  if (value.length > NAME_CHARACTERS_MAX) {
    throw new ToolError(
      `argument "${name}" has ${value.length} characters; a name has at most ${NAME_CHARACTERS_MAX}`,
    );
  }
  return value;
}

export function number(args: Arguments, name: string, otherwise: number): number {
  return optionalNumber(args, name) ?? otherwise;
}

export function optionalNumber(args: Arguments, name: string): number | undefined {
  const value = args[name];
  return typeof value === 'number' ? value : undefined;
}

/** A number between two others; v1 says so in words only. */
export function within(
  args: Arguments,
  name: string,
  otherwise: number,
  [least, most]: readonly [number, number] = [0, 1],
): number {
  const value = number(args, name, otherwise);
  if (value >= least && value <= most) return value;
  throw new ToolError(`argument "${name}" must be from ${least} to ${most}, not ${value}`);
}

/** How many results are wanted. */
export function count(
  args: Arguments,
  name: string,
  otherwise: number,
  most = RESULTS_MAX,
): number {
  const value = number(args, name, otherwise);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new ToolError(`argument "${name}" must be a whole number from 1 to ${most}, not ${value}`);
}

export function flag(args: Arguments, name: string, otherwise = false): boolean {
  const value = args[name];
  return typeof value === 'boolean' ? value : otherwise;
}

/** The texts of a list; v1's schemas often leave open what is in it. */
export function texts(args: Arguments, name: string): string[] {
  const value = args[name];
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new ToolError(`argument "${name}" must be a list of texts`);
}

export function object(args: Arguments, name: string): JsonObject {
  const value = args[name];
  return isObject(value) ? (value as JsonObject) : {};
}

export function list(args: Arguments, name: string): JsonValue[] {
  const value = args[name];
  return Array.isArray(value) ? (value as JsonValue[]) : [];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number of stored metadata: v1's columns may hold it as a text. Undefined for what is none. */
export function storedNumber(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  const isText = typeof value === 'string' && value.trim() !== '';
  const found = typeof value === 'number' || isText ? Number(value) : NaN;
  return Number.isFinite(found) ? found : undefined;
}

export function storedText(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

/** The beginning of a text, as v1 showed it. */
export function shortened(whole: string, characters: number): string {
  return whole.length > characters ? `${whole.slice(0, characters)}...` : whole;
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)}%`;
}

/** 0 for no values. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

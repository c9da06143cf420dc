/** Finds a scenario: one of the package by name, or one of the user by the path of its module. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Scenario } from '../../../sim/explore/scenario.js';
import { scenarios } from '../../../sim/scenarios/index.js';
import { ExitError } from '../failure.js';

const NAME = /^[a-z][a-z0-9-]{0,63}$/;

/** Bad usage: nothing was run. */
export function usageError(message: string): ExitError {
  return new ExitError(2, `error: ${message}`);
}

/** Whether a text is the path of a module rather than a name. */
export function isModulePath(text: string): boolean {
  return /[/\\]|\.[cm]?[jt]s$/.test(text);
}

/** Throws `ExitError` with code 2 that says what is wrong with the name or the module. */
export async function loadScenario(nameOrPath: string): Promise<Scenario> {
  if (!isModulePath(nameOrPath)) {
    const found = scenarios.find(({ name }) => name === nameOrPath);
    if (found !== undefined) return found;
    const names = scenarios.map(({ name }) => name).join(', ');
    throw usageError(
      `there is no scenario '${nameOrPath}'; there are ${names}. A module of your own is named by ` +
        `its path, for example ./${nameOrPath}.js`,
    );
  }
  const path = resolve(nameOrPath);
  if (!existsSync(path)) throw usageError(`there is no file ${nameOrPath}`);
  let loaded: unknown;
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw usageError(`${nameOrPath} cannot be loaded: ${what}`);
  }
  return scenarioOf(nameOrPath, loaded);
}

/** The default export of a module, or the one named `scenario`. */
function scenarioOf(path: string, loaded: unknown): Scenario {
  const module = loaded as { readonly default?: unknown; readonly scenario?: unknown };
  const found = module.default ?? module.scenario;
  if (found === undefined) {
    throw usageError(
      `${path} exports no scenario: export it as default, or with the name 'scenario'`,
    );
  }
  const wrong = whatIsWrong(found);
  if (wrong !== undefined) throw usageError(`the scenario that ${path} exports ${wrong}`);
  return found as Scenario;
}

function whatIsWrong(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'is not an object';
  const { name, summary, probes, draw, run, simplify } = value as Record<string, unknown>;
  if (typeof name !== 'string' || !NAME.test(name)) {
    return 'has no name in lower case with dashes, of at most 64 characters';
  }
  if (typeof summary !== 'string') return 'has no summary';
  if (!Array.isArray(probes) || !probes.every((probe) => typeof probe === 'string')) {
    return 'has no list of probes (it may be empty)';
  }
  if (typeof draw !== 'function') return 'has no function draw(seed)';
  if (typeof run !== 'function') return 'has no function run(plan, options)';
  if (simplify !== undefined && typeof simplify !== 'function') {
    return 'has a simplify that is no function';
  }
  return undefined;
}

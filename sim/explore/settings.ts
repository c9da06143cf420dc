/** Reads the settings of a plan, which may come from a file that somebody wrote by hand. */
import { SimulationError } from '../world/index.js';
import type { Json, Plan } from './plan.js';

/** Takes settings by name; each has a range. Throws `SimulationError` with code `invalid-plan`. */
export class SettingsReader {
  readonly #settings: Plan['settings'];
  readonly #taken = new Set<string>();

  constructor(settings: Plan['settings']) {
    this.#settings = settings;
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value as number;
    }
    return refuse(name, value, `a whole number from ${least} to ${most}`);
  }

  /** As `integer`; `usual` in a plan of before there was such a setting. */
  integerOr(usual: number, name: string, least: number, most: number): number {
    return Object.hasOwn(this.#settings, name) ? this.integer(name, least, most) : usual;
  }

  number(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value === 'number' && value >= least && value <= most) return value;
    return refuse(name, value, `a number from ${least} to ${most}`);
  }

  boolean(name: string): boolean {
    const value = this.#take(name);
    if (typeof value === 'boolean') return value;
    return refuse(name, value, 'true or false');
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const value = this.#take(name);
    const found = choices.find((choice) => choice === value);
    return found ?? refuse(name, value, `one of ${choices.join(', ')}`);
  }

  /** A setting that nobody took is a mistake of whoever wrote it. */
  end(): void {
    for (const name of Object.keys(this.#settings)) {
      if (this.#taken.has(name)) continue;
      throw new SimulationError('invalid-plan', `settings.${name} is unknown to this scenario`);
    }
  }

  #take(name: string): Json | undefined {
    this.#taken.add(name);
    return Object.hasOwn(this.#settings, name) ? this.#settings[name] : undefined;
  }
}

function refuse(name: string, value: Json | undefined, expected: string): never {
  const found = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
  throw new SimulationError('invalid-plan', `settings.${name} is ${found}; it must be ${expected}`);
}

/** The settings of a plan of a defined scenario: the user's own, and those of the world. */
import type { Json, Plan } from '../explore/plan.js';
import { SimulationError } from '../world/index.js';
import type { CrashLoss, NetworkOptions } from '../world/index.js';
import type { Settings } from './definition.js';

export interface DefinedSettings<Own extends Settings> {
  readonly own: Own;
  readonly network: NetworkOptions;
  readonly crashLoss: CrashLoss;
}

export function planSettings<Own extends Settings>(
  settings: DefinedSettings<Own>,
): Plan['settings'] {
  // Network options are plain data.
  return settings as unknown as { readonly [name: string]: Json };
}

/** Throws `SimulationError` with code `invalid-plan` for a plan of another shape. */
export function readPlanSettings<Own extends Settings>({ settings }: Plan): DefinedSettings<Own> {
  const { own, network, crashLoss, ...others } = settings;
  const [other] = Object.keys(others);
  if (other !== undefined) throw refused(`settings.${other} is unknown to this scenario`);
  if (!isObject(own)) throw refused('settings.own must be an object');
  if (!isObject(network) || !isObject(network['delay'])) {
    throw refused('settings.network must be an object with a delay');
  }
  if (crashLoss !== 'all-unsynced' && crashLoss !== 'random-suffix') {
    throw refused("settings.crashLoss must be 'all-unsynced' or 'random-suffix'");
  }
  return { own: own as Own, network: network as unknown as NetworkOptions, crashLoss };
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(message: string): SimulationError {
  return new SimulationError('invalid-plan', message);
}

import type { FaultAction } from './schedule.js';

/** Actions that end what another one began, on the very node that it hit. */
const endingsOf: Partial<Record<FaultAction['kind'], readonly FaultAction['kind'][]>> = {
  crash: ['restart'],
  wipe: ['restart'],
  pause: ['resume'],
  'cut-off': ['rejoin'],
  clog: ['unclog'],
  'slow-link': ['slow-link-end'],
  'slow-reader': ['slow-reader-end'],
  'disk-full': ['disk-heal', 'restart'],
  'sync-failure': ['disk-heal', 'restart'],
  'torn-writes': ['disk-heal'],
  'lost-writes': ['disk-heal'],
  'misdirected-writes': ['disk-heal'],
  'lying-sync': ['disk-heal'],
  'clock-drift': ['clock-drift'],
};

const endings: ReadonlySet<string> = new Set(Object.values(endingsOf).flat());
const fields = ['node', 'peer', 'from', 'to', 'middle', 'center'] as const;

/**
 * Puts names of nodes in place of targets such as `@leader`. What ends a fault of a target hits the
 * node that the fault hit, whoever is the target by then; several ends meet the faults in the order
 * in which those happened.
 */
export class TargetMemory {
  readonly #resolve: (target: string) => string | undefined;
  /** Whom faults hit that have not ended, by the kind of the ending and its targets. */
  readonly #hits = new Map<string, FaultAction[]>();

  constructor(resolve: (target: string) => string | undefined) {
    this.#resolve = resolve;
  }

  /** The action with names only; undefined when a target is nobody, or two are the same. */
  aim(action: FaultAction): FaultAction | undefined {
    const wanted = targetsOf(action);
    if (wanted.length === 0) return action;
    if (isEnding(action)) {
      const hit = this.#hits.get(keyOf(action.kind, wanted))?.shift();
      return hit === undefined ? undefined : withNames(action, hit);
    }
    const aimed = this.#aimNow(action, wanted);
    if (aimed === undefined) return undefined;
    for (const ending of endingsOf[action.kind] ?? []) {
      const key = keyOf(ending, wanted);
      this.#hits.set(key, [...(this.#hits.get(key) ?? []), aimed]);
    }
    return aimed;
  }

  #aimNow(
    action: FaultAction,
    wanted: readonly (readonly [field: string, target: string])[],
  ): FaultAction | undefined {
    const names: Record<string, string> = {};
    for (const [field, target] of wanted) {
      const name = this.#resolve(target);
      if (name === undefined) return undefined;
      names[field] = name;
    }
    const aimed = { ...action, ...names } as FaultAction;
    const found = fields.map((field) => (aimed as Record<string, unknown>)[field]);
    const used = found.filter((name) => name !== undefined);
    return new Set(used).size === used.length ? aimed : undefined;
  }
}

/** A drift of 0 ends the one before. */
function isEnding(action: FaultAction): boolean {
  return action.kind === 'clock-drift' ? action.partsPerMillion === 0 : endings.has(action.kind);
}

function targetsOf(action: FaultAction): (readonly [field: string, target: string])[] {
  return fields.flatMap((field) => {
    const value = (action as unknown as Record<string, unknown>)[field];
    return typeof value === 'string' && value.startsWith('@') ? [[field, value] as const] : [];
  });
}

function keyOf(
  kind: string,
  wanted: readonly (readonly [field: string, target: string])[],
): string {
  return JSON.stringify([kind, ...wanted]);
}

/** The ending with those names in place of its targets that the beginning got. */
function withNames(ending: FaultAction, hit: FaultAction): FaultAction {
  const names = hit as unknown as Record<string, unknown>;
  const replaced = targetsOf(ending).map(([field]) => [field, names[field]] as const);
  return { ...ending, ...Object.fromEntries(replaced) } as FaultAction;
}

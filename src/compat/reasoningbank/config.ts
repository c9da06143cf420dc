/** The settings of v1's ReasoningBank, from its `reasoningbank.yaml`. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CONFIG_BYTES_MAX } from './limits.js';

export interface ReasoningBankConfig {
  readonly retrieve: {
    readonly k: number;
    readonly alpha: number;
    readonly beta: number;
    readonly gamma: number;
    readonly delta: number;
    readonly recency_half_life_days: number;
    readonly min_score: number;
  };
  readonly judge: {
    readonly model: string;
    readonly max_tokens: number;
    readonly temperature: number;
    readonly confidence_threshold: number;
  };
  readonly distill: {
    readonly model: string | undefined;
    readonly max_tokens: number | undefined;
    readonly temperature: number | undefined;
    readonly max_items_success: number;
    readonly max_items_failure: number;
    readonly confidence_prior_success: number;
    readonly confidence_prior_failure: number;
  };
  readonly consolidate: {
    readonly duplicate_threshold: number;
    readonly contradiction_threshold: number;
    readonly trigger_threshold: number;
    readonly prune_age_days: number;
    readonly prune_min_confidence: number;
    readonly min_confidence_keep: number;
  };
  readonly matts: {
    readonly parallel_k: number;
    readonly sequential_k: number;
    readonly sequential_r: number;
    readonly sequential_stop_on_success: boolean;
    readonly confidence_boost: number;
  };
  readonly embeddings: {
    readonly provider: string;
    readonly model: string;
    readonly dims: number;
    readonly dimensions: number;
    readonly cache_ttl_seconds: number;
  };
  readonly governance: {
    readonly scrub_pii: boolean;
    readonly pii_scrubber: boolean;
    readonly tenant_scoped: boolean;
  };
  readonly features: {
    readonly enable_pre_task_hook: boolean;
    readonly enable_post_task_hook: boolean;
    readonly enable_matts_parallel: boolean;
  };
}

let cached: ReasoningBankConfig | undefined;

/** Settings are read once a process, as in v1. */
export function loadConfig(): ReasoningBankConfig {
  cached ??= configFrom(readSettings(process.cwd()));
  return cached;
}

/** For tests, and for who has changed the file. */
export function clearConfigCache(): void {
  cached = undefined;
}

/**
 * Where v1 looked for the user's file. v1 found the one in its own package first, so it never came to
 * these; its values are the defaults below.
 */
function readSettings(cwd: string): Settings {
  for (const name of ['.swarm/reasoningbank.yaml', 'reasoningbank.yaml']) {
    const path = join(cwd, name);
    try {
      const { size } = statSync(path);
      if (size > CONFIG_BYTES_MAX) throw new Error(`it has more than ${CONFIG_BYTES_MAX} bytes`);
      const parsed: unknown = parse(readFileSync(path, 'utf8'));
      const outer = new Settings(parsed, path);
      return outer.has('reasoningbank') ? outer.section('reasoningbank') : outer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      const detail = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
      console.warn(`[ReasoningBank] Could not load config from ${path}, using defaults: ${detail}`);
      break;
    }
  }
  return new Settings(undefined, '');
}

/** A section of the file. What is missing or of another kind counts as not said. */
class Settings {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.#values = isObject ? (value as Record<string, unknown>) : {};
    this.#path = path;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  section(name: string): Settings {
    return new Settings(this.#value(name), this.#path);
  }

  number<Otherwise>(name: string, otherwise: Otherwise): number | Otherwise {
    return this.#of(
      name,
      otherwise,
      (value) => typeof value === 'number' && Number.isFinite(value),
    );
  }

  boolean(name: string, otherwise: boolean): boolean {
    return this.#of(name, otherwise, (value) => typeof value === 'boolean');
  }

  text<Otherwise>(name: string, otherwise: Otherwise): string | Otherwise {
    return this.#of(name, otherwise, (value) => typeof value === 'string');
  }

  #value(name: string): unknown {
    return this.has(name) ? this.#values[name] : undefined;
  }

  #of<Value, Otherwise>(
    name: string,
    otherwise: Otherwise,
    isOne: (value: unknown) => boolean,
  ): Value | Otherwise {
    const value = this.#value(name);
    if (value === undefined || value === null) return otherwise;
    if (isOne(value)) return value as Value;
    console.warn(`[ReasoningBank] ${this.#path}: ${name} cannot be used; the default is taken`);
    return otherwise;
  }
}

const MODEL = 'claude-sonnet-4-5-20250929';

function configFrom(settings: Settings): ReasoningBankConfig {
  const retrieve = settings.section('retrieve');
  const judge = settings.section('judge');
  const distill = settings.section('distill');
  const consolidate = settings.section('consolidate');
  const matts = settings.section('matts');
  const embeddings = settings.section('embeddings');
  const governance = settings.section('governance');
  const features = settings.section('features');
  const rounds = matts.section('sequential').number('r', 3);
  const dimensions = embeddings.number('dimensions', 384);
  const isScrubbed = governance.boolean('pii_scrubber', true);
  const keep = consolidate.number('min_confidence_keep', 0.3);
  return {
    retrieve: {
      k: retrieve.number('k', 3),
      alpha: retrieve.number('alpha', 0.65),
      beta: retrieve.number('beta', 0.15),
      gamma: retrieve.number('gamma', 0.2),
      delta: retrieve.number('delta', 0.1),
      recency_half_life_days: retrieve.number('recency_half_life_days', 45),
      min_score: retrieve.number('min_score', 0.3),
    },
    judge: {
      model: judge.text('model', MODEL),
      max_tokens: judge.number('max_tokens', 512),
      temperature: judge.number('temperature', 0),
      confidence_threshold: judge.number('fallback_confidence', 0.5),
    },
    distill: {
      model: distill.text('model', undefined),
      max_tokens: distill.number('max_tokens', undefined),
      temperature: distill.number('temperature', undefined),
      max_items_success: distill.number('max_items_per_trajectory', 3),
      max_items_failure: 2,
      confidence_prior_success: distill.number('success_confidence_prior', 0.75),
      confidence_prior_failure: distill.number('failure_confidence_prior', 0.6),
    },
    consolidate: {
      duplicate_threshold: consolidate.number('dedup_similarity_threshold', 0.87),
      contradiction_threshold: consolidate.number('contradiction_threshold', 0.6),
      trigger_threshold: consolidate.number('run_every_new_items', 20),
      prune_age_days: consolidate.number('prune_age_days', 180),
      prune_min_confidence: keep,
      min_confidence_keep: keep,
    },
    matts: {
      parallel_k: matts.section('parallel').number('k', 6),
      sequential_k: rounds,
      sequential_r: rounds,
      sequential_stop_on_success: matts.section('sequential').boolean('stop_on_success', true),
      confidence_boost: 0.05,
    },
    embeddings: {
      provider: embeddings.text('provider', 'local'),
      model: embeddings.text('model', 'Xenova/all-MiniLM-L6-v2'),
      dims: dimensions,
      dimensions,
      cache_ttl_seconds: embeddings.number('cache_ttl_seconds', 3600),
    },
    governance: {
      scrub_pii: isScrubbed,
      pii_scrubber: isScrubbed,
      tenant_scoped: governance.boolean('tenant_scoped', false),
    },
    features: {
      enable_pre_task_hook: features.boolean('enable_pre_task_hook', true),
      enable_post_task_hook: features.boolean('enable_post_task_hook', true),
      enable_matts_parallel: features.boolean('enable_matts_parallel', true),
    },
  };
}

/** Options that say of which namespace and time memories are, in a swarm or in a file. */
import type { Command } from 'commander';

import { instantOf } from './number.js';

export interface NamespaceFlag {
  readonly namespace: string;
}

export interface RangeFlags {
  readonly allNamespaces?: boolean;
  readonly createdFrom?: number;
  readonly createdTo?: number;
  readonly from?: number;
  readonly to?: number;
}

/** Adds `--namespace`. */
export function named(command: Command): Command {
  return command.option('--namespace <name>', 'namespace of the memory', 'default');
}

/** Adds `--all-namespaces`, and `--created-from` and `--created-to`, with or without their first word. */
export function ranged(command: Command, prefix: 'created-' | '' = 'created-'): Command {
  const time = 'as 2026-01-31 or milliseconds since 1970';
  return command
    .option('--all-namespaces', 'memories of every namespace')
    .option(`--${prefix}from <time>`, `only memories since then, ${time}`, instantOf)
    .option(`--${prefix}to <time>`, `only memories until then, ${time}`, instantOf);
}

/** The part of a search or list that these options say. */
export function placesOf(flags: NamespaceFlag & RangeFlags): {
  readonly namespace: string | null;
  readonly created: { readonly fromMs?: number; readonly toMs?: number } | undefined;
} {
  const { namespace, allNamespaces } = flags;
  const { createdFrom: fromMs = flags.from, createdTo: toMs = flags.to } = flags;
  const created = {
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
  };
  const isRange = fromMs !== undefined || toMs !== undefined;
  return {
    namespace: allNamespaces === true ? null : namespace,
    created: isRange ? created : undefined,
  };
}

/** A memory as a line names it. */
export function placeText({ namespace, id }: { namespace: string; id: string }): string {
  return namespace === 'default' ? id : `${namespace}/${id}`;
}

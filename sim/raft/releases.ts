/**
 * Two releases of the program of a node. They write the same disk and understand each other, but the
 * later one says what it says in another form, in smaller pieces, and forgets its log sooner.
 */
import type { RaftNodeOptions } from './node-options.js';

/** Names of the releases. All nodes begin with the first one. */
export const RELEASES = ['first', 'second'] as const;
export type Release = (typeof RELEASES)[number];

/** Whether a plan may name this release. */
export function isRelease(name: string): name is Release {
  return (RELEASES as readonly string[]).includes(name);
}

/** How nodes of a release work, given how those of the first one do. */
export function optionsOfRelease(release: Release, options: RaftNodeOptions): RaftNodeOptions {
  if (release === 'first') return options;
  const { config, compactionEntries, trailingEntries, usesCodec } = options;
  return {
    ...options,
    usesCodec: !usesCodec,
    compactionEntries: half(compactionEntries),
    trailingEntries: Math.floor(trailingEntries / 2),
    config: {
      ...config,
      maxMessageBytes: half(config.maxMessageBytes),
      maxInflightMessages: half(config.maxInflightMessages),
    },
  };
}

function half(count: number): number {
  return Math.max(1, Math.floor(count / 2));
}

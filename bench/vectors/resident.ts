/** What a process has in memory. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** In MB. What is backed by files can be dropped by the system when it needs the memory. */
export interface Resident {
  readonly all: number;
  /** Of Linux only, from /proc/self/status. */
  readonly anonymous?: number;
  readonly ofFiles?: number;
}

/** Garbage collected first. */
export function resident(): Resident {
  collectGarbage();
  const all = process.memoryUsage.rss() / 2 ** 20;
  if (process.platform !== 'linux') return { all };
  const status = readFileSync('/proc/self/status', 'utf8');
  const megabytes = (name: string): number => {
    const [, kilobytes] = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status) ?? [];
    return Number(kilobytes) / 1024;
  };
  return { all, anonymous: megabytes('RssAnon'), ofFiles: megabytes('RssFile') };
}

/** By how much the process has grown. */
export function growthSince(before: Resident): Resident {
  const now = resident();
  const { anonymous, ofFiles } = now;
  const all = now.all - before.all;
  if (anonymous === undefined || ofFiles === undefined) return { all };
  return {
    all,
    anonymous: anonymous - (before.anonymous ?? 0),
    ofFiles: ofFiles - (before.ofFiles ?? 0),
  };
}

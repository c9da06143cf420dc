/** Flags and texts of who may read and write something that is shared. */
import type { Command } from 'commander';

import { isPeerId } from '../../transport/identity/peer-address.js';
import type { DocumentAccess } from '../documents/index.js';
import { ExitError } from './failure.js';

export interface RightsFlags {
  readonly readers?: string[];
  readonly writers?: string[];
}

export function addRightsFlags(command: Command): Command {
  return command
    .option('--readers <peerid...>', 'peer ids, or all')
    .option('--writers <peerid...>', 'peer ids, or all')
    .option('--json', 'print one JSON object');
}

/** What the flags make of the rights of before; undefined when they change nothing. */
export function rightsAfter(
  before: DocumentAccess,
  { readers, writers }: RightsFlags,
): DocumentAccess | undefined {
  if (readers === undefined && writers === undefined) return undefined;
  return {
    readers: readers === undefined ? before.readers : peersOf(readers),
    writers: writers === undefined ? before.writers : peersOf(writers),
  };
}

export function rightsText({ readers, writers }: DocumentAccess): string {
  return `readers: ${peersText(readers)}\nwriters: ${peersText(writers)}`;
}

function peersOf(peers: readonly string[]): 'all' | string[] {
  if (!peers.includes('all')) {
    const wrong = peers.find((peer) => !isPeerId(peer));
    if (wrong === undefined) return [...peers];
    throw new ExitError(
      1,
      `error: '${wrong}' is no peer id; a peer id is what stands behind the # of an address. ` +
        'Nothing was changed',
    );
  }
  if (peers.length === 1) return 'all';
  throw new ExitError(1, 'error: name peer ids, or all, and not both');
}

function peersText(peers: 'all' | readonly string[]): string {
  if (peers === 'all') return 'all whom the swarm lets in';
  return peers.length === 0 ? 'nobody but members and operators' : peers.join(' ');
}

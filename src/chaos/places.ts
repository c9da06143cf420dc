/**
 * Addresses of an experiment. Each host sits in a namespace of its own behind a cable to the hub:
 *
 *   n1 10.78.1.2 ---- 10.78.1.1 \                       / 10.78.2.1 ---- 10.78.2.2 n2
 *                                 hub: relay on
 *                                 10.78.0.1, 10.78.0.2 ... (loopback)
 *
 * Nobody reaches another one directly: each is known to the others by its outside address, on which
 * the relay is bound, and sees them under theirs.
 */
import type { Spoke } from './namespaces.js';

/** One machine of the experiment. */
export interface Place {
  readonly name: string;
  /** Where its processes listen. */
  readonly inside: string;
  /** Under which the others know it. */
  readonly outside: string;
}

const CLIENTS_NAME = 'clients';
const CLIENTS_NUMBER = 250;

function place(name: string, number: number): Place {
  return { name, inside: `10.78.${number}.2`, outside: `10.78.0.${number}` };
}

/** Nodes are named n1, n2, ... in schedules, logs and directories. */
export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_each, at) => `n${at + 1}`);
}

/** The nodes, in the order of their names. */
export function nodePlaces(count: number): Place[] {
  return nodeNames(count).map((name, at) => place(name, at + 1));
}

/** Where the clients are. */
export const clientsPlace: Place = place(CLIENTS_NAME, CLIENTS_NUMBER);

/** The cable of a place. */
export function spokeOf({ name, inside }: Place): Spoke {
  return { name, hosts: [inside], gateway: inside.replace(/\.2$/, '.1') };
}

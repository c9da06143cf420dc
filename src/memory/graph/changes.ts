import type { Edge, MemoryCommand } from '../engine.js';

/** What a command did to the graph of a store. */
export type GraphChange =
  | { readonly type: 'addNode'; readonly id: string }
  /** With every edge that leaves it or leads to it. */
  | { readonly type: 'deleteNode'; readonly id: string }
  /** Also replaces a weight. */
  | ({ readonly type: 'addEdge' } & Edge)
  | ({ readonly type: 'deleteEdge' } & Omit<Edge, 'weight'>);

/** The change that a command makes where nothing else follows from it. */
export function changeOf(command: MemoryCommand): GraphChange {
  switch (command.type) {
    case 'insertMemory':
      return { type: 'addNode', id: command.id };
    case 'deleteMemory':
    case 'expireMemory':
      return { type: 'deleteNode', id: command.id };
    case 'addEdge':
    case 'deleteEdge':
      return command;
  }
}

/** What nodes, clients and the operator of a simulated swarm say to each other. */
import type { Message } from '../../consensus/raft/index.js';
import type { Command, CommandResult } from '../../nodes/control-plane/command.js';
import type { ModelContent } from './model-engine.js';

export type SwarmMessage =
  | { readonly kind: 'raft'; readonly message: Message }
  | {
      readonly kind: 'snapshot';
      readonly message: Message;
      readonly control: Uint8Array;
      readonly content: ModelContent;
    }
  /** A node that does not lead passes a proposal on; the leader answers the asker itself. */
  | {
      readonly kind: 'propose';
      readonly asker: string;
      readonly request: number;
      readonly command: Command;
    }
  | { readonly kind: 'get'; readonly request: number; readonly id: string }
  | {
      readonly kind: 'start-rollout';
      readonly request: number;
      /** The rollout that was the last one when it was said; of the node that is asked when left out. */
      readonly after?: number;
    }
  | { readonly kind: 'abort-rollout'; readonly request: number }
  | { readonly kind: 'result'; readonly request: number; readonly result: CommandResult }
  | { readonly kind: 'value'; readonly request: number; readonly content: string | null }
  | { readonly kind: 'try-again'; readonly request: number };

export const nodeName = (nodeId: number): string => `node-${nodeId}`;
export const nodeIdOf = (name: string): number => Number(name.slice('node-'.length));

/** A message in a few words, for a diagram. */
export function describeSwarmMessage(message: SwarmMessage): string {
  switch (message.kind) {
    case 'raft': {
      const { type, term } = message.message;
      return `${type} t${term}`;
    }
    case 'snapshot':
      return `snapshot ${message.message.snapshot?.index ?? ''}`;
    case 'propose':
      return `propose ${message.command.type} #${message.request}`;
    case 'get':
      return `get ${message.id} #${message.request}`;
    case 'value':
      return `value ${message.content ?? 'none'} #${message.request}`;
    case 'result': {
      const { request, result } = message;
      return result.ok ? `done at ${result.index} #${request}` : `${result.refusal} #${request}`;
    }
    case 'start-rollout':
    case 'abort-rollout':
      return message.kind;
    case 'try-again':
      return `try again #${message.request}`;
  }
}

/** Everything that others may ask of a node. */
import type { LaneHandlers } from '../../transport/rpc/index.js';
import type { Handlers, Methods } from '../../transport/rpc/rpc.js';
import type { SwarmNode } from '../node.js';
import type { Access } from './access.js';
import { nodeHandlers } from './handlers.js';
import { nodeLanes } from './lanes.js';
import { nodeServices } from './services.js';

type OnError = (method: string, peerId: string, error: unknown) => void;

export class Served {
  readonly calls: { readonly handlers: Handlers; readonly methods: Methods };
  readonly #lanes: LaneHandlers;

  constructor(node: SwarmNode, access: Access, onError: OnError | undefined) {
    const all = nodeHandlers(nodeServices(node, access));
    const shared = { ...node.documents.handlers(access), ...node.available.handlers(access) };
    const handlers = node.health.measure({ ...all, ...shared });
    this.#lanes = nodeLanes(handlers, onError);
    const methods = { ...this.#lanes.methods, ...node.documents.methods(access) };
    // A publisher that waits its turn says nothing of the health of the node: these are not measured.
    this.calls = {
      handlers: { ...handlers, ...node.topics.handlers(access) },
      methods: { ...methods, ...node.topics.methods(access) },
    };
  }

  /** Ends what lasts, with the last call that runs in it. */
  close(): void {
    this.#lanes.close();
  }
}

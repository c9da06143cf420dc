/** Everything that others may ask of a node. */
import { formatHostPort } from '../../transport/identity/index.js';
import { openQuicheEngine } from '../../transport/quic/index.js';
import type { Engine, EngineOptions } from '../../transport/quic/index.js';
import type { LaneHandlers } from '../../transport/rpc/index.js';
import type { Handlers, Methods } from '../../transport/rpc/rpc.js';
import { PORT_WAIT_MS } from '../limits.js';
import type { NodeOptions, SwarmNode } from '../node.js';
import type { NodePages } from '../pages/node-pages.js';
import type { PagePorts } from '../pages/page-session.js';
import type { Access } from './access.js';
import { nodeHandlers } from './handlers.js';
import { nodeLanes } from './lanes.js';
import { nodeServices } from './services.js';

type OnError = (method: string, peerId: string, error: unknown) => void;

interface Calls {
  readonly handlers: Handlers;
  readonly methods: Methods;
  readonly openEngine: (options: EngineOptions) => Promise<Engine>;
}

export class Served {
  readonly calls: Calls;
  #pages: NodePages | undefined;
  readonly #lanes: LaneHandlers;

  constructor(
    node: SwarmNode,
    access: Access,
    onError: OnError | undefined,
    { pages, directoryOpened, log }: Pick<NodeOptions, 'pages' | 'directoryOpened' | 'log'>,
  ) {
    const all = nodeHandlers(nodeServices(node, access));
    const shared = { ...node.documents.handlers(access), ...node.available.handlers(access) };
    const handlers = node.health.measure({ ...all, ...shared });
    this.#lanes = nodeLanes(handlers, onError);
    const methods = { ...this.#lanes.methods, ...node.documents.methods(access) };
    // A publisher that waits its turn says nothing of the health of the node: these are not measured.
    this.calls = {
      handlers: { ...handlers, ...node.topics.handlers(access) },
      methods: { ...methods, ...node.topics.methods(access) },
      openEngine: async (options) => {
        const engine = await openQuicheEngine(options);
        if (pages === undefined) return engine;
        const ports: Omit<PagePorts, 'held'> = {
          access,
          nodePeerId: node.file.peerId,
          serve: (messages, speaker) => node.documents.serve(messages, speaker, access),
        };
        const waitMs = directoryOpened === undefined ? 0 : PORT_WAIT_MS;
        try {
          // Its servers of HTTP are nothing for a node without pages.
          const gateway = await import('../pages/node-pages.js');
          this.#pages = await gateway.NodePages.open(engine, pages, ports, waitMs);
          const { port } = this.#pages;
          log(`pages are served at ${formatHostPort({ host: pages.listen.host, port })}`);
          return engine;
        } catch (error) {
          await engine.close(0, 'the node does not start');
          throw error;
        }
      },
    };
  }

  /** Ends what lasts, with the last call that runs in it. */
  close(): void {
    this.#pages?.close();
    this.#lanes.close();
  }
}

/** The health of one node: it measures its requests, tells others of itself, and watches while it leads. */
import type { CallContext, Handlers, PeerConnection } from '../../transport/rpc/rpc.js';
import { NO_METADATA } from '../../transport/rpc/metadata.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { SwarmNode } from '../node.js';
import { PROBE_TIMEOUT_MS, REPORT_TIMEOUT_MS, WINDOW_MS_MAX, WINDOW_MS_MIN } from './limits.js';
import { measured } from './measured.js';
import { decodeReport } from './report.js';
import type { HealthReport } from './report.js';
import { RequestMeter } from './request-meter.js';
import { Vitals } from './vitals.js';
import { HealthWatch } from './watch.js';
import type { WatchedWindow } from './watch.js';

interface HealthOptions {
  readonly paths: { readonly root: string };
  readonly log: (message: string) => void;
}

export class NodeHealth {
  readonly #node: SwarmNode;
  readonly #options: HealthOptions;
  readonly #meter = new RequestMeter();
  readonly #vitals: Vitals;
  #handlers: Handlers = {};
  #watch: HealthWatch | undefined;

  constructor(node: SwarmNode, options: HealthOptions) {
    this.#node = node;
    this.#options = options;
    this.#vitals = new Vitals(options.paths.root);
  }

  /** The same handlers, whose requests are counted from here on. */
  measure(handlers: Handlers): Handlers {
    this.#handlers = measured(handlers, this.#meter);
    return this.#handlers;
  }

  /** Looks after rollouts whenever this node leads. */
  watch(): void {
    const node = this.#node;
    this.#watch = new HealthWatch({
      rollout: () => {
        const leads = node.replica.leader === node.file.nodeId;
        return leads && node.serving ? node.control.rollout : null;
      },
      commitIndex: () => node.replica.status().commit,
      report: (nodeId, windowMs) => this.reportOf(nodeId, windowMs),
      ask: (nodeId, method, payload) => this.#ask(nodeId, method, payload),
      propose: (command) => node.driver.propose(command),
      log: this.#options.log,
    });
  }

  async stop(): Promise<void> {
    this.#vitals.stop();
    await this.#watch?.stop();
  }

  /** What the watch of this node has judged last; null while it watches nothing. */
  get watched(): WatchedWindow | null {
    return this.#watch?.last ?? null;
  }

  /** Of this node, within the bounds of what it remembers. */
  async report(wantedMs: number): Promise<HealthReport> {
    const windowMs = Math.min(WINDOW_MS_MAX, Math.max(WINDOW_MS_MIN, Math.round(wantedMs)));
    const { file, control, engines, replica } = this.#node;
    const vitals = await this.#vitals.read(windowMs);
    return {
      nodeId: file.nodeId,
      engine: engines.activeVersion(control),
      release: control.members.get(file.nodeId)?.release ?? '',
      serving: this.#node.serving,
      windowMs,
      ...this.#meter.window(windowMs),
      appliedIndex: replica.appliedIndex,
      ...vitals,
    };
  }

  /** Of any member. Rejects with the reason when it tells none in time. */
  async reportOf(nodeId: number, windowMs: number): Promise<HealthReport> {
    if (nodeId === this.#node.file.nodeId) return this.report(windowMs);
    const payload = { windowMs: Math.round(windowMs) };
    const answer = await this.#node.peers.call(nodeId, 'node.health', payload, REPORT_TIMEOUT_MS);
    const report = decodeReport(answer);
    if (report.nodeId === nodeId) return report;
    throw new RpcError('malformed', `node ${nodeId} tells of node ${report.nodeId}`);
  }

  /** As a client would ask. A node has no connection to itself and asks its handlers. */
  async #ask(nodeId: number, method: string, payload: object): Promise<unknown> {
    if (nodeId !== this.#node.file.nodeId) {
      return this.#node.peers.call(nodeId, method, payload, PROBE_TIMEOUT_MS);
    }
    const handler = this.#handlers[method];
    if (handler === undefined) throw new RpcError('unknown-method', `there is no ${method}`);
    const late = new RpcError('deadline-exceeded', `${method} took ${PROBE_TIMEOUT_MS} ms`);
    const abort = new AbortController();
    const context = ownContext(this.#node.file.peerId, abort.signal);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        abort.abort(late);
        reject(late);
      }, PROBE_TIMEOUT_MS);
    });
    try {
      return await Promise.race([handler(payload, context), deadline]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A call of the node to itself. Of its connection the handlers of memories see who calls, and no more. */
function ownContext(peerId: string, signal: AbortSignal): CallContext {
  return {
    connection: { peerId } as PeerConnection,
    signal,
    timeoutMs: PROBE_TIMEOUT_MS,
    remainingMs: PROBE_TIMEOUT_MS,
    metadata: NO_METADATA,
    idempotencyKey: undefined,
    setTrailer: () => undefined,
  };
}

/** Follows a rollout: a table that is drawn anew on a terminal, a line a change elsewhere. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Rollout, SwarmClient } from '../client/index.js';
import { ExitError, messageFor } from './failure.js';
import { rolloutLines, statusLine, stepText } from './rollout-text.js';
import type { RolloutContext } from './rollout-text.js';

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface WatchOptions {
  readonly out: Output;
  readonly json: boolean;
  readonly intervalMs: number;
  /** Whether there is nothing more to wait for. */
  readonly isOver: (rollout: Rollout) => boolean;
  readonly signal?: AbortSignal;
}

/** How long one node is waited for that is asked what it does. */
const PROGRESS_DEADLINE_MS = 1_500;

/** Shows every change until it is over; returns the rollout as it is then. */
export async function watchRollout(
  client: SwarmClient,
  started: Rollout,
  options: WatchOptions,
): Promise<Rollout> {
  const { out, json, intervalMs, isOver, signal } = options;
  const view = json ? new JsonView(out) : out.isTTY === true ? new Table(out) : new Lines(out);
  let rollout = started;
  let context: RolloutContext = {};
  for (;;) {
    view.show(rollout, context);
    if (isOver(rollout) || signal?.aborted === true) return rollout;
    await sleep(intervalMs);
    const told = await client.rollouts
      .status(signal === undefined ? {} : { signal })
      .catch((error: unknown) => Promise.reject(lost(error)));
    // Another one may have begun; the one that was watched is over then.
    if (told.rollout === null || told.rollout.id !== rollout.id) return rollout;
    rollout = told.rollout;
    context = { clockMs: told.clockMs, progress: await progressOf(client, rollout) };
  }
}

/** Nobody can be asked any more, which does not stop the rollout. */
function lost(error: unknown): ExitError {
  return new ExitError(
    1,
    `error: ${messageFor(error)}\n` +
      'The rollout goes on without this command: see `agentic-flow rollout status --watch`, through ' +
      'another member where this one is gone',
  );
}

/** What the nodes say that they do; one that does not answer says nothing. */
export async function progressOf(
  client: SwarmClient,
  rollout: Rollout,
): Promise<ReadonlyMap<number, string>> {
  const members = new Map(client.members.map(({ nodeId, peerId }) => [nodeId, peerId]));
  const progress = new Map<number, string>();
  const asked = rollout.nodes.map(async ({ nodeId }) => {
    const only = members.get(nodeId);
    if (only === undefined) return;
    const told = await client
      .status({ only, deadlineMs: PROGRESS_DEADLINE_MS })
      .then((status) => status.progress)
      .catch(() => '');
    if (told !== '') progress.set(nodeId, told);
  });
  await Promise.all(asked);
  return progress;
}

interface View {
  show(rollout: Rollout, context: RolloutContext): void;
}

/** One object a line, whenever something has changed. */
class JsonView implements View {
  readonly #out: Output;
  #shown = '';

  constructor(out: Output) {
    this.#out = out;
  }

  show(rollout: Rollout, { clockMs = 0, progress = new Map() }: RolloutContext): void {
    const state = { rollout, progress: Object.fromEntries(progress) };
    const text = JSON.stringify(state);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#out.write(`${JSON.stringify({ ...state, clockMs })}\n`);
  }
}

/** All lines, over those of before. */
class Table implements View {
  readonly #out: Output;
  #height = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  show(rollout: Rollout, context: RolloutContext): void {
    const width = Math.max(20, (this.#out.columns ?? 80) - 1);
    const lines = rolloutLines(rollout, context).map((line) => line.slice(0, width));
    const up = this.#height === 0 ? '' : `\u001b[${this.#height}A\u001b[J`;
    this.#out.write(`${up}${lines.join('\n')}\n`);
    this.#height = lines.length;
  }
}

/** Plain lines for a log: what has changed since. */
class Lines implements View {
  readonly #out: Output;
  readonly #nodes = new Map<number, string>();
  readonly #progressAtMs = new Map<number, number>();
  #status = '';

  constructor(out: Output) {
    this.#out = out;
  }

  show(rollout: Rollout, { progress }: RolloutContext): void {
    const { id } = rollout;
    const status = statusLine(rollout);
    if (status !== this.#status) this.#write(`rollout ${id}: ${status}`);
    this.#status = status;
    for (const node of rollout.nodes) {
      const { nodeId } = node;
      const now = stepText(rollout, node);
      const before = this.#nodes.get(nodeId);
      this.#nodes.set(nodeId, now);
      if (now !== before && !(before === undefined && now === 'pending')) {
        this.#write(`node ${nodeId}: ${now}`);
      }
      this.#tell(nodeId, progress?.get(nodeId) ?? '');
    }
  }

  /** How far a step is, every few seconds. */
  #tell(nodeId: number, told: string): void {
    const nowMs = performance.now();
    if (told === '' || nowMs < (this.#progressAtMs.get(nodeId) ?? 0)) return;
    this.#progressAtMs.set(nodeId, nowMs + PROGRESS_INTERVAL_MS);
    this.#write(`node ${nodeId}: ${told}`);
  }

  #write(line: string): void {
    this.#out.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
  }
}

const PROGRESS_INTERVAL_MS = 5_000;

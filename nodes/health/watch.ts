/**
 * The leader's watch over a rollout. Window after window it probes the members, compares their answers,
 * collects their reports, and has `nodes/rollout/guards.ts` judge those that have switched. A member that
 * is unhealthy in so many windows in a row as the plan says halts the rollout, by a log entry.
 *
 *   idle --(this node leads, a rollout with guards is there)--> window -> verdicts -> window -> ...
 *    ^                                                            |           |
 *    '---------(it leads no more, or the rollout has ended)-------'           '-> haltRollout
 *
 * What was seen is not replicated: a new leader begins with an empty record, and needs its own windows.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Command, CommandResult } from '../control-plane/command.js';
import { messageOf } from '../errors.js';
import { countWindows, evaluateGuards, haltOf } from '../rollout/guards.js';
import type { MemberSample, References, Streaks, Verdict } from '../rollout/guards.js';
import { mayHalt, rolesOf } from '../rollout/judged.js';
import type { Roles } from '../rollout/judged.js';
import type { Guards, Rollout, RolloutNode } from '../rollout/state.js';
import type { Ask } from './compare.js';
import { Comparisons } from './comparisons.js';
import { figuresOf } from './figures.js';
import {
  IDLE_MS,
  MISSING_LENGTH_MAX,
  PROBED_MAX,
  PROBES_MIN,
  REFERENCES_MAX,
  REPORTED_REFERENCES_MAX,
  WRITE_PROBES,
} from './limits.js';
import { MemberRecords } from './member-records.js';
import { Probes, probeFigures, probesPerMember } from './probes.js';
import type { ProbeTally } from './probes.js';
import type { HealthReport } from './report.js';

export interface WatchPorts {
  /** The rollout, while this node leads and serves. */
  readonly rollout: () => Rollout | null;
  readonly commitIndex: () => number;
  /** The report of a member about its last `windowMs`; rejects when it gives none in time. */
  readonly report: (nodeId: number, windowMs: number) => Promise<HealthReport>;
  readonly ask: Ask;
  readonly propose: (command: Command) => Promise<CommandResult>;
  readonly log: (message: string) => void;
}

/** What the last window came to. */
export interface WatchedWindow {
  readonly rolloutId: number;
  readonly endedAtMs: number;
  readonly windowMs: number;
  readonly verdicts: readonly Verdict[];
  readonly streaks: Streaks;
}

interface Evidence {
  readonly probes: ReadonlyMap<number, ProbeTally>;
  readonly differences: ReadonlyMap<number, readonly string[]>;
}

export class HealthWatch {
  readonly #ports: WatchPorts;
  readonly #stopped = new AbortController();
  readonly #probes: Probes;
  readonly #running: Promise<void>;
  #comparisons: Comparisons;
  #records: MemberRecords;
  #streaks: Streaks = new Map();
  #references: References | null = null;
  #watchedId = 0;
  #isPaused = false;
  /** Windows that ended, and when the last one did. */
  #windows = 0;
  #endedMs = 0;
  #last: WatchedWindow | null = null;

  /** Begins at once. */
  constructor(ports: WatchPorts) {
    this.#ports = ports;
    this.#probes = new Probes(ports.ask);
    this.#comparisons = new Comparisons(ports.ask);
    this.#records = new MemberRecords(ports.report);
    this.#running = this.#run();
  }

  /** Null while this node watches nothing. */
  get last(): WatchedWindow | null {
    return this.#watchedId === 0 ? null : this.#last;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const rollout = this.#ports.rollout();
      const guards = rollout?.plan.guards ?? null;
      if (rollout === null || guards === null || !isWatched(rollout)) {
        this.#watchedId = 0;
        await this.#pause(IDLE_MS);
        continue;
      }
      if (this.#watchedId !== rollout.id) {
        this.#references = null;
        this.#endedMs = performance.now();
        this.#beginRecord(rollout.id);
      }
      try {
        await this.#window(rollout.id, guards);
      } catch (error) {
        this.#ports.log(`health: a window could not be judged: ${messageOf(error)}`);
        await this.#pause(IDLE_MS);
      }
    }
  }

  #beginRecord(rolloutId: number): void {
    this.#watchedId = rolloutId;
    this.#streaks = new Map();
    this.#last = null;
    this.#records = new MemberRecords(this.#ports.report);
    this.#comparisons = new Comparisons(this.#ports.ask);
    this.#probes.take();
  }

  /** Who resumes a rollout has looked at what was found before. */
  #beginAnewAfterPause({ id, status }: Rollout): void {
    if (status === 'running' && this.#isPaused) this.#beginRecord(id);
    this.#isPaused = status === 'paused';
  }

  /** Measures for the length of a window, then judges. Returns early when there is nothing to watch. */
  async #window(rolloutId: number, guards: Guards): Promise<void> {
    const { windowMs } = guards;
    // What the judgement of the window before took is taken off this one.
    const endsMs = Math.max(this.#endedMs, performance.now() - windowMs / 2) + windowMs;
    this.#endedMs = endsMs;
    let writes = 0;
    while (performance.now() < endsMs) {
      const rollout = this.#current(rolloutId);
      if (rollout === undefined) return;
      this.#beginAnewAfterPause(rollout);
      const roles = rolesOf(rollout);
      this.#records.notice(roles);
      const probed = [...this.#inTurn(roles.judged), ...roles.references.slice(0, REFERENCES_MAX)];
      const ids = probed.map(({ nodeId }) => nodeId);
      // After finalization nothing is halted, and it may last for days.
      const isUrgent = mayHalt(rollout);
      this.#probes.send(ids);
      const isWriteDue = endsMs - performance.now() <= windowMs * (1 - writes / WRITE_PROBES);
      if (isUrgent && isWriteDue) {
        this.#probes.sendWrites(ids);
        writes += 1;
      }
      this.#comparisons.poke(roles);
      const probes = isUrgent ? probesPerMember(probed.length) : PROBES_MIN;
      await this.#pause(Math.min(windowMs / probes, endsMs - performance.now()));
    }
    this.#windows += 1;
    const evidence = { probes: this.#probes.take(), differences: this.#comparisons.take() };
    // A process that was held up has not measured others but itself.
    if (performance.now() > endsMs + windowMs) return;
    const rollout = this.#current(rolloutId);
    if (rollout !== undefined) await this.#judge(rollout, guards, evidence);
  }

  async #judge(rollout: Rollout, guards: Guards, evidence: Evidence): Promise<void> {
    const { windowMs } = guards;
    const roles = rolesOf(rollout);
    const nowMs = performance.now();
    const isDue = ({ nodeId }: RolloutNode): boolean =>
      this.#records.watchedForMs(nodeId, nowMs) >= windowMs / 2;
    const switchingIds = new Set(roles.switching.map(({ nodeId }) => nodeId));
    const [references, judged] = await Promise.all([
      this.#measureReferences(roles, windowMs, evidence),
      Promise.all(
        [...roles.judged, ...roles.switching].filter(isDue).map(({ nodeId }) => {
          return this.#sample(nodeId, guards, evidence, switchingIds.has(nodeId));
        }),
      ),
    ]);
    this.#references = references ?? this.#references;
    const window = { to: rollout.plan.to, judged, references: this.#references };
    const verdicts = evaluateGuards(guards, window);
    this.#streaks = countWindows(this.#streaks, verdicts);
    const endedAtMs = Date.now();
    const streaks = this.#streaks;
    this.#last = { rolloutId: rollout.id, endedAtMs, windowMs, verdicts, streaks };
    for (const { nodeId, alarms } of verdicts) {
      for (const { kind, text } of alarms)
        this.#ports.log(`health: node ${nodeId}: ${kind}: ${text}`);
    }
    await this.#haltIfDue(rollout.id, guards, verdicts);
  }

  async #haltIfDue(rolloutId: number, guards: Guards, verdicts: readonly Verdict[]): Promise<void> {
    const halt = haltOf(guards, this.#streaks, verdicts);
    const rollout = this.#current(rolloutId);
    if (halt === undefined || rollout === undefined || !mayHalt(rollout)) return;
    const { nodeId, reason } = halt;
    const node = rollout.nodes.find((each) => each.nodeId === nodeId);
    if (node === undefined) return;
    this.#ports.log(`health: rollout ${rolloutId} is halted: ${reason}`);
    const command = {
      type: 'haltRollout',
      rolloutId,
      nodeId,
      nodeEpoch: node.epoch,
      reason,
    } as const;
    try {
      const result = await this.#ports.propose(command);
      if (!result.ok) this.#ports.log(`health: the halt had no effect: ${result.refusal}`);
    } catch (error) {
      // It is proposed again with the next window, by whoever leads then.
      this.#ports.log(`health: the halt is tried again: ${messageOf(error)}`);
    }
  }

  async #sample(
    nodeId: number,
    guards: Guards,
    evidence: Evidence,
    isSwitching: boolean,
  ): Promise<MemberSample> {
    const tally = evidence.probes.get(nodeId);
    const watchedMs = this.#records.watchedForMs(nodeId, performance.now());
    const committed = this.#ports.commitIndex();
    const rest = {
      nodeId,
      isSwitching,
      probes: probeFigures([tally]),
      probeError: tally?.lastError ?? '',
      differences: evidence.differences.get(nodeId) ?? [],
    };
    try {
      const report = await this.#ports.report(nodeId, Math.min(guards.windowMs, watchedMs));
      const figures = this.#records.figuresOf(report, committed);
      return { ...rest, missing: '', figures };
    } catch (error) {
      return { ...rest, missing: messageOf(error).slice(0, MISSING_LENGTH_MAX), figures: null };
    }
  }

  /** Null when nobody is left to compare with, or nobody of them answers. */
  async #measureReferences(
    { references }: Roles,
    windowMs: number,
    { probes }: Evidence,
  ): Promise<References | null> {
    const committed = this.#ports.commitIndex();
    const asked = references.slice(0, REPORTED_REFERENCES_MAX);
    const answers = await Promise.allSettled(
      asked.map(({ nodeId }) => this.#ports.report(nodeId, windowMs)),
    );
    const reports = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (reports.length === 0) return null;
    const lags = reports.map(({ appliedIndex }) => Math.max(0, committed - appliedIndex));
    return {
      clients: figuresOf(reports),
      probes: probeFigures(asked.map(({ nodeId }) => probes.get(nodeId))),
      applyLagEntries: lags.toSorted((a, b) => a - b)[Math.floor(lags.length / 2)] ?? 0,
    };
  }

  /** So many of the judged members as are probed in this window. */
  #inTurn(judged: readonly RolloutNode[]): RolloutNode[] {
    const fresh = judged.filter(({ step }) => step !== 'done');
    const done = judged.filter(({ step }) => step === 'done');
    const from = (this.#windows * PROBED_MAX) % Math.max(1, done.length);
    const turned = [...done.slice(from), ...done.slice(0, from)];
    return [...fresh, ...turned].slice(0, PROBED_MAX);
  }

  #current(rolloutId: number): Rollout | undefined {
    const rollout = this.#ports.rollout();
    const isOver = this.#stopped.signal.aborted || rollout === null || !isWatched(rollout);
    return isOver || rollout.id !== rolloutId ? undefined : rollout;
  }

  async #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#stopped;
    const options = { signal, ref: false };
    await sleep(Math.max(1, milliseconds), undefined, options).catch(() => undefined);
  }
}

function isWatched(rollout: Rollout): boolean {
  const { judged, switching, references } = rolesOf(rollout);
  return judged.length + switching.length + references.length > 0;
}

/** One experiment: a fresh swarm, clients, faults, heal, verdict. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeAction, type FaultAction, type Schedule } from '../../sim/nemesis/index.js';
import type { NetworkOptions } from '../../sim/world/index.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import type { Member } from '../client/index.js';
import type { ConnectParams, Observation, StartParams } from './clients.js';
import { ChaosError } from './errors.js';
import { figuresOf, type Phase } from './figures.js';
import { judge, type NodeContents } from './judge.js';
import { limits } from './limits.js';
import { Star } from './namespaces.js';
import { Nemesis, type AppliedAction, type NemesisPorts } from './nemesis.js';
import { historyText, nowMicroseconds, type ClientOperation } from './operations.js';
import { clientsPlace, nodePlaces, spokeOf, type Place } from './places.js';
import type { PolicyCounts } from './policy.js';
import type { RelaySettings } from './relay.js';
import { Remote } from './remote.js';
import type { Report } from './report.js';
import { scheduleText } from './schedule-file.js';
import { Swarm } from './swarm.js';

export interface ChaosOptions {
  readonly schedule: Schedule;
  readonly clients: number;
  /** How links between nodes behave when there is no fault. */
  readonly network: NetworkOptions;
  /** Empty or new; gets node directories, logs, schedule, history and report. */
  readonly directory: string;
  /** `main.js` of the release that the nodes run. */
  readonly program: string;
  /** Told what happens, a line at a time. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/**
 * Runs an experiment to its report. Rejects with `ChaosError` when there is none to give. Whatever
 * it started is gone when it settles; `exitNow` of `onStart` does that at once, from an exit.
 */
export async function runChaos(
  options: ChaosOptions,
  onStart: (exitNow: () => void) => void,
): Promise<Report> {
  const experiment = new Experiment(options);
  onStart(() => experiment.exitNow());
  try {
    return await experiment.run();
  } finally {
    await experiment.close();
  }
}

class Experiment {
  readonly #options: ChaosOptions;
  readonly #places: readonly Place[];
  readonly #star: Star;
  readonly #swarm: Swarm;
  readonly #startedMs = performance.now();
  readonly #operations: ClientOperation[] = [];
  /** Peer ids by node name. */
  readonly #peers = new Map<string, string>();
  #relay: Remote | undefined;
  #clients: Remote | undefined;
  /** Rejects when the relay or the clients end, or the user ends it all. */
  #failing: Promise<never> = new Promise(() => undefined);
  #isOver = false;

  constructor(options: ChaosOptions) {
    const { schedule, directory, program } = options;
    this.#options = options;
    this.#places = nodePlaces(schedule.nodes.length);
    this.#star = new Star('hub', [...this.#places, clientsPlace].map(spokeOf));
    this.#swarm = new Swarm({ star: this.#star, places: this.#places, directory, program });
  }

  async run(): Promise<Report> {
    const { schedule, directory } = this.#options;
    writeFileSync(join(directory, 'schedule.json'), scheduleText(schedule));
    await this.#open();
    await this.#startSwarm();
    const startedMicroseconds = nowMicroseconds();
    await this.#startLoad();
    await this.#guard(sleep(limits.calmMs));

    const faultsMicroseconds = nowMicroseconds();
    const nemesis = new Nemesis(schedule, this.#ports(), ({ action, hadEffect }) => {
      this.#log(`${describeAction(action)}${hadEffect ? '' : ' (nothing to do)'}`);
    });
    await this.#guard(nemesis.follow(this.#options.signal));
    const healedMicroseconds = nowMicroseconds();
    const { recoveryMs, recoveryFailure } = await this.#recover();
    await this.#guard(sleep(limits.calmMs));
    await this.#ask('stop');
    const endMicroseconds = nowMicroseconds();

    const { nodes, problems } = await this.#observe();
    const facts = {
      operations: this.#operations,
      nodes,
      nodeCount: this.#places.length,
      readProblems: problems,
      recoveryMs,
      recoveryFailure,
      deaths: this.#swarm.deaths,
      faults: nemesis.applied.filter(isFault).length,
      loadSeconds: (endMicroseconds - startedMicroseconds) / 1e6,
    };
    this.#log('judging');
    const checks = judge(facts);
    const phases: Phase[] = [
      { name: 'before', fromMicroseconds: startedMicroseconds, toMicroseconds: faultsMicroseconds },
      { name: 'faults', fromMicroseconds: faultsMicroseconds, toMicroseconds: healedMicroseconds },
      { name: 'after', fromMicroseconds: healedMicroseconds, toMicroseconds: endMicroseconds },
    ];
    return {
      passed: checks.every(({ passed }) => passed),
      seed: schedule.seed,
      nodes: this.#places.length,
      clients: this.#options.clients,
      checks,
      faults: countKinds(nemesis.applied),
      phases: figuresOf(this.#operations, phases),
      datagrams: await this.#guard(this.#relayProcess.call<PolicyCounts>('counts')),
      directory,
      seconds: Math.round(performance.now() - this.#startedMs) / 1_000,
    };
  }

  /** Ends processes, then networks. Writes the history, whatever it is worth. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#collect().catch(() => undefined);
    const clients = Math.max(0, ...this.#operations.map(({ client }) => client)) + 1;
    const path = join(this.#options.directory, 'history-ok.edn');
    if (this.#operations.length > 0) writeFileSync(path, historyText(this.#operations, clients));
    await this.#swarm.stop();
    this.exitNow();
  }

  exitNow(): void {
    this.#isOver = true;
    this.#swarm.killNow();
    this.#relay?.kill();
    this.#clients?.kill();
    this.#star.remove();
  }

  async #open(): Promise<void> {
    const { schedule, network, signal } = this.#options;
    this.#star.create(limits.mtuBytes);
    for (const { outside } of [...this.#places, clientsPlace]) this.#star.addHubAddress(outside);
    const settings: RelaySettings = {
      seed: schedule.seed,
      nodes: this.#places,
      others: [clientsPlace],
      options: network,
    };
    const relay = new Remote(this.#star.hub, script('relay.js'), [JSON.stringify(settings)]);
    this.#relay = relay;
    const clientsNamespace = this.#star.namespaceOf(clientsPlace.name);
    const clients = new Remote(clientsNamespace, script('clients.js'));
    this.#clients = clients;
    this.#failing = new Promise((_resolve, reject) => {
      const fail = (sentence: string): void => {
        if (!this.#isOver) reject(new ChaosError('experiment', sentence));
      };
      void relay.ended.then(fail);
      void clients.ended.then(fail);
      const interrupt = (): void => reject(new ChaosError('interrupted', 'interrupted'));
      if (signal.aborted) interrupt();
      signal.addEventListener('abort', interrupt, { once: true });
    });
    this.#failing.catch(() => undefined);
    await this.#guard(relay.call('open'));
  }

  /** Creates the swarm and waits until every node votes and has loaded its model. */
  async #startSwarm(): Promise<void> {
    const created = await this.#guard(this.#swarm.create());
    const connect: ConnectParams = { seed: created.address, token: created.clientToken };
    await this.#ask('connect', connect, limits.startTimeoutMs * 2);
    // The first node admits others when it serves itself.
    const { peerId } = parsePeerAddress(created.address);
    await this.#ask('warm', { peerId }, limits.startTimeoutMs * 2);
    this.#swarm.join(created);
    const deadlineMs = performance.now() + limits.startTimeoutMs;
    for (;;) {
      const members = await this.#members();
      const voters = members.filter(({ voter, status }) => voter && status === 'up');
      if (voters.length === this.#places.length) break;
      const [death] = this.#swarm.deaths;
      if (death !== undefined || performance.now() > deadlineMs) {
        const why = `${voters.length} of ${this.#places.length} nodes vote`;
        throw new ChaosError('no-swarm', `the swarm did not come up: ${death ?? why}`);
      }
      await this.#guard(sleep(limits.pollMs));
    }
    await Promise.all(
      [...this.#peers.values()].map((peerId) => {
        return this.#ask('warm', { peerId }, limits.startTimeoutMs * 2);
      }),
    );
    this.#log(`${this.#places.length} nodes serve`);
  }

  async #startLoad(): Promise<void> {
    const { schedule, clients } = this.#options;
    const names = Object.fromEntries([...this.#peers].map(([name, peerId]) => [peerId, name]));
    const params: StartParams = { clients, seed: schedule.seed, names };
    await this.#ask('start', params);
  }

  #ports(): NemesisPorts {
    const swarm = this.#swarm;
    return {
      relay: (action) => this.#relayProcess.call('apply', { action }),
      kill: (node) => swarm.nodeOf(node).kill(),
      start: (node) => swarm.start(node),
      pause: (node) => swarm.nodeOf(node).pause(),
      resume: (node) => swarm.nodeOf(node).resume(),
      leader: async () => {
        const name = await this.#ask<string>('leader');
        return name === '' ? undefined : name;
      },
    };
  }

  /** Waits until each node has served a write and a read. */
  async #recover(): Promise<{ recoveryMs: number | null; recoveryFailure: string }> {
    const startedMs = performance.now();
    const waits = [...this.#peers].map(async ([name, peerId], position) => {
      const client = this.#options.clients + position;
      for (let count = 0, error = ''; ; count++) {
        const leftMs = startedMs + limits.recoveryMsMax - performance.now();
        if (leftMs <= 0) return `${name} did not serve: ${error}`;
        const deadlineMs = Math.min(limits.operationDeadlineMs, leftMs);
        const params = { peerId, client, content: `probe-${name}-${count}`, deadlineMs };
        error = await this.#ask<string>('probe', params);
        if (error === '') return '';
        await sleep(limits.pollMs);
      }
    });
    const failures = (await Promise.all(waits)).filter((failure) => failure !== '');
    if (failures.length > 0) return { recoveryMs: null, recoveryFailure: failures.join('\n') };
    const recoveryMs = performance.now() - startedMs;
    this.#log('every node serves again');
    return { recoveryMs, recoveryFailure: '' };
  }

  /** Reads everything from each node: shared ids as a client does, and all from its own store. */
  async #observe(): Promise<{ nodes: NodeContents[]; problems: string[] }> {
    const readings = [...this.#peers.values()].map((peerId, position) => {
      return this.#ask('readShared', { peerId, client: this.#options.clients + position });
    });
    await Promise.all(readings);
    await this.#collect();
    const inserts = this.#operations.filter(({ kind }) => kind === 'insert');
    const ids = [...new Set(inserts.map(({ id }) => id))];
    const index = inserts.reduce((highest, each) => Math.max(highest, each.index), 0);
    const nodes: NodeContents[] = [];
    const problems: string[] = [];
    const observations = [...this.#peers].map(async ([name, peerId]) => {
      const params = { peerId, index, ids };
      try {
        const timeoutMs = limits.catchUpTimeoutMs * 4;
        const seen = await this.#ask<Observation>('observe', params, timeoutMs);
        const contents = new Map(Object.entries(seen.contents));
        nodes.push({ name, memories: seen.memories, contents });
        if (seen.lag !== '') problems.push(`${name} ${seen.lag}`);
      } catch (error) {
        if (error instanceof ChaosError) throw error;
        const [why] = (error as Error).message.split('\n');
        problems.push(`${name} could not be read: ${why}`);
      }
    });
    await Promise.all(observations);
    nodes.sort((a, b) => a.name.localeCompare(b.name));
    return { nodes, problems };
  }

  /** Also learns which peer each node is. */
  async #members(): Promise<readonly Member[]> {
    const members = await this.#ask<readonly Member[]>('members');
    for (const { name, outside } of this.#places) {
      const member = members.find(({ host }) => host === outside);
      if (member !== undefined) this.#peers.set(name, member.peerId);
    }
    return members;
  }

  async #collect(): Promise<void> {
    const drained = await this.#clients?.call<ClientOperation[]>('drain');
    // Not push(...): many operations would exceed the number of arguments.
    for (const operation of drained ?? []) this.#operations.push(operation);
  }

  #ask<Result>(method: string, params: unknown = {}, timeoutMs?: number): Promise<Result> {
    const clients = this.#clients;
    if (clients === undefined) throw new Error('the clients have been started');
    return this.#guard(clients.call<Result>(method, params, timeoutMs));
  }

  get #relayProcess(): Remote {
    if (this.#relay === undefined) throw new Error('the relay has been started');
    return this.#relay;
  }

  #guard<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failing]);
  }

  #log(line: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(1);
    this.#options.log(`${seconds.padStart(7)} s  ${line}`);
  }
}

function isFault({ isBeginning, hadEffect }: AppliedAction): boolean {
  return isBeginning && hadEffect;
}

function countKinds(applied: readonly AppliedAction[]): Report['faults'] {
  const counts: Partial<Record<FaultAction['kind'], number>> = {};
  for (const { action } of applied.filter(isFault)) {
    counts[action.kind] = (counts[action.kind] ?? 0) + 1;
  }
  return counts;
}

/** One run of a defined scenario: safety phase, liveness phase, checks at the end. */
import { checkLinearizability } from '../checkers/linearizability.js';
import { Violation } from '../checkers/violation.js';
import { observeWorld } from '../explore/observe.js';
import type { Json, Plan } from '../explore/plan.js';
import { advance, resultOf } from '../explore/run-world.js';
import type { RunOptions, RunResult } from '../explore/scenario.js';
import { applySchedule } from '../nemesis/index.js';
import { SimulationError, World } from '../world/index.js';
import type { Process } from '../world/index.js';
import { DefinedClient } from './defined-client.js';
import type { RecordedOperation, Task } from './defined-client.js';
import type { Check, ScenarioDefinition, Settings, Setup, View } from './definition.js';
import { readPlanSettings } from './plan-settings.js';

const SECOND = 1_000_000;
const LIVENESS_SECONDS_USUAL = 30;
/** Steps of the search for a linear order. A history that takes more is not judged. */
const LINEARIZABILITY_STEPS_MAX = 2_000_000;

export function runDefined<
  Own extends Settings,
  Message,
  Value,
  Node extends Process<Message>,
  Asked extends Json,
  Answer,
>(
  definition: ScenarioDefinition<Own, Message, Value, Node, Asked, Answer>,
  plan: Plan,
  options: RunOptions,
): RunResult {
  if (plan.scenario !== definition.name) {
    throw new SimulationError(
      'invalid-plan',
      `the plan is one of the scenario ${plan.scenario}, not of ${definition.name}`,
    );
  }
  return new DefinedRun(definition, plan, options).finish();
}

class DefinedRun<
  Own extends Settings,
  Message,
  Value,
  Node extends Process<Message>,
  Asked extends Json,
  Answer,
> {
  readonly #definition: ScenarioDefinition<Own, Message, Value, Node, Asked, Answer>;
  readonly #plan: Plan;
  readonly #eventsMax: number | undefined;
  readonly #world: World<Message, Value>;
  readonly #view: View<Own, Node, Asked, Answer>;
  readonly #started = new Map<string, Node>();
  readonly #history: RecordedOperation<Asked, Answer>[] = [];
  readonly #clients: DefinedClient<Own, Message, Value, Asked, Answer>[] = [];
  readonly #counts = new Map<string, number>();
  readonly #probes = new Set<string>();
  readonly #invariants: readonly (readonly [string, Check<Own, Node, Asked, Answer>])[];

  constructor(
    definition: ScenarioDefinition<Own, Message, Value, Node, Asked, Answer>,
    plan: Plan,
    options: RunOptions,
  ) {
    this.#definition = definition;
    this.#plan = plan;
    this.#eventsMax = options.eventsMax;
    this.#invariants = Object.entries(definition.invariants ?? {});
    const { own, network, crashLoss } = readPlanSettings<Own>(plan);
    const describe = definition.describe ?? ((message: Message) => JSON.stringify(message) ?? '');
    this.#world = new World<Message, Value>({
      seed: plan.seed,
      network,
      disk: {
        syncDelay: { kind: 'uniform', minimumMicroseconds: 200, maximumMicroseconds: 8_000 },
        crashLoss,
      },
      digest: (message) => JSON.stringify(message) ?? '',
    });
    const nodes = definition.nodes(own);
    this.#view = this.#makeView(own, nodes);
    this.#addNodes(own, nodes);
    this.#addClients(own, nodes);
    observeWorld(this.#world, options.observe, describe);
    applySchedule(this.#world, plan.schedule);
  }

  finish(): RunResult {
    return resultOf(
      this.#world,
      () => this.#check(),
      () => ({
        counts: { operations: this.#history.length, ...Object.fromEntries(this.#counts) },
        probes: this.#probes,
      }),
    );
  }

  #makeView(settings: Own, nodes: readonly string[]): View<Own, Node, Asked, Answer> {
    const world = this.#world;
    const started = this.#started;
    return {
      settings,
      nodes,
      get nowMicroseconds() {
        return world.nowMicroseconds;
      },
      get processes() {
        return new Map([...started].filter(([name]) => world.isUp(name)));
      },
      history: this.#history,
    };
  }

  #addNodes(settings: Own, nodes: readonly string[]): void {
    const setup: Setup<Own> = {
      settings,
      nodes,
      reach: (probe) => {
        this.#probes.add(this.#knownProbe(probe));
      },
      count: (name) => {
        this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
      },
    };
    for (const name of nodes) {
      const program = this.#definition.program(name, setup);
      this.#world.addNode(name, {
        start: (disk, context) => {
          const process = program.start(disk, context);
          this.#started.set(name, process);
          return process;
        },
      });
    }
  }

  #knownProbe(probe: string): string {
    if (this.#definition.probes?.includes(probe) === true) return probe;
    throw new Error(`'${probe}' is not among the probes of ${this.#definition.name}`);
  }

  #addClients(settings: Own, nodes: readonly string[]): void {
    const { client: definition, linearizable } = this.#definition;
    const tasks = new Map<number, Task<Asked>[]>();
    for (const { atMicroseconds, client, operation } of this.#plan.operations) {
      const own = tasks.get(client) ?? [];
      own.push({ atMicroseconds, operation: operation as Asked });
      tasks.set(client, own);
    }
    if (definition === undefined) {
      if (tasks.size === 0) return;
      throw new SimulationError('invalid-plan', 'operations are for a scenario with a client');
    }
    const keyOf = linearizable?.keyOf ?? (() => '');
    const history = this.#history;
    for (const [client, own] of [...tasks].toSorted(([a], [b]) => a - b)) {
      const about = { client, settings, nodes, tasks: own, definition, keyOf, history };
      this.#world.addNode(`client-${client}`, {
        start: (_disk, context) => {
          const started = new DefinedClient<Own, Message, Value, Asked, Answer>(about, context);
          this.#clients.push(started);
          return started;
        },
      });
    }
  }

  #check(): void {
    const { settled = () => true, livenessSeconds = LIVENESS_SECONDS_USUAL } = this.#definition;
    const { durationMicroseconds } = this.#plan.schedule;
    this.#advance(durationMicroseconds);
    // A client is there once it has started; those of a plan without operations are none.
    const isDone = (): boolean =>
      this.#clients.every((client) => client.isIdle) && settled(this.#view);
    const last = this.#plan.operations.at(-1)?.atMicroseconds ?? 0;
    const since = Math.max(durationMicroseconds, last);
    if (!isDone()) this.#advance(since + livenessSeconds * SECOND, isDone);
    if (!isDone()) throw new Violation('liveness', this.#describeWaiting(livenessSeconds));
    for (const [checker, check] of Object.entries(this.#definition.atEnd ?? {})) {
      this.#require(checker, check);
    }
    this.#judgeHistory();
  }

  #advance(untilMicroseconds: number, isDone?: () => boolean): void {
    const until = (): boolean => {
      for (const [checker, check] of this.#invariants) this.#require(checker, check);
      return isDone?.() ?? false;
    };
    advance(this.#world, { untilMicroseconds, until }, this.#eventsMax);
  }

  #require(checker: string, check: Check<Own, Node, Asked, Answer>): void {
    const wrong = check(this.#view);
    if (wrong !== undefined) throw new Violation(checker, wrong);
  }

  #describeWaiting(seconds: number): string {
    const waiting = this.#clients
      .filter(({ isIdle }) => !isIdle)
      .map((client) => client.describe());
    const what = waiting.length === 0 ? 'the nodes have not settled' : waiting.join('; ');
    return `${seconds} s after everything healed: ${what}`;
  }

  #judgeHistory(): void {
    const { linearizable } = this.#definition;
    if (linearizable === undefined) return;
    const { verdict, counterexample } = checkLinearizability(linearizable.model, this.#history, {
      maxSteps: LINEARIZABILITY_STEPS_MAX,
    });
    if (verdict === 'unknown') this.#counts.set('unjudged', 1);
    if (verdict === 'not-linearizable')
      throw new Violation('linearizability', counterexample ?? '');
  }
}

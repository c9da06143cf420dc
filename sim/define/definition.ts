/** What a user says of a protocol so that it can be simulated: see `defineScenario`. */
import type { Operation } from '../checkers/linearizability.js';
import type { SequentialModel } from '../checkers/model.js';
import type { Json, Plan } from '../explore/plan.js';
import type { FaultKind } from '../nemesis/index.js';
import type { Context, DiskView, NetworkOptions, Process, RandomStream } from '../world/index.js';

/** Settings of a scenario: what can stand in a plan file, such as `{ replicas: 3, quorum: 2 }`. */
export type Settings = Plan['settings'];

/** What a program learns of its run when it is made. */
export interface Setup<Own extends Settings> {
  readonly settings: Own;
  /** Names of all nodes that run the protocol; clients are named `client-1` and so on. */
  readonly nodes: readonly string[];
  /** Says that a rare situation was reached; it must be one of the `probes`. */
  readonly reach: (probe: string) => void;
  /** Counts something that a campaign adds up. */
  readonly count: (name: string) => void;
}

/** What a checker sees, between two events. */
export interface View<Own extends Settings, Node, Asked, Answer> {
  readonly settings: Own;
  readonly nodes: readonly string[];
  /** True time: that of the diagram. */
  readonly nowMicroseconds: number;
  /** The processes of the nodes that are up, by name. */
  readonly processes: ReadonlyMap<string, Node>;
  /** All operations that were asked for so far, answered or not. */
  readonly history: readonly Operation<Asked, Answer>[];
}

/** What is wrong, in a sentence; undefined when it holds. */
export type Check<Own extends Settings, Node, Asked, Answer> = (
  view: View<Own, Node, Asked, Answer>,
) => string | undefined;

/** One try of a client to have an operation done. */
export interface Call<Own extends Settings> {
  /** The same for each try of one operation, and different for each operation of a run. */
  readonly id: string;
  /** From 1 on. */
  readonly client: number;
  /** From 1 on. */
  readonly attempt: number;
  readonly settings: Own;
  readonly nodes: readonly string[];
  /** From the client's own stream. */
  readonly random: () => number;
}

/**
 * How operations of clients become messages. A client asks for one operation at a time, again and
 * again until it is answered; it keeps no state of its own.
 */
export interface ClientDefinition<Own extends Settings, Message, Asked, Answer> {
  readonly request: (
    operation: Asked,
    call: Call<Own>,
  ) => { readonly to: string; readonly message: Message };
  /**
   * The answer in a message, `refused` if it says that the operation has had no effect and never
   * will, undefined if it is about something else.
   */
  readonly answer: (
    message: Message,
    call: Call<Own>,
  ) => { readonly output: Answer } | 'refused' | undefined;
  /** After so long without an answer it asks again; 300 ms unless named. */
  readonly retryMicroseconds?: number;
  /** After so many tries the outcome is unknown, and it goes on; without end unless named. */
  readonly attemptsMax?: number;
}

/** Which operations a run has. */
export interface OperationsDefinition<Own extends Settings, Asked> {
  readonly clients: number | ((settings: Own) => number);
  /** Mean time between two operations of one client; 500 ms unless named. */
  readonly meanPauseMicroseconds?: number;
  readonly draw: (random: RandomStream, settings: Own) => Asked;
}

/** Which faults a run meets. */
export interface FaultsDefinition {
  /** A seed takes some of these; networks, crashes, pauses and slow disks unless named. */
  readonly kinds?: readonly FaultKind[];
  /** How long the safety phase lasts: drawn between both; 5 to 15 unless named. */
  readonly seconds?: readonly [least: number, most: number];
  /** Nodes that are down at the same time; less than half of them unless named. */
  readonly nodesDownMax?: number;
}

export interface ScenarioDefinition<
  Own extends Settings,
  Message,
  Value,
  Node extends Process<Message>,
  Asked extends Json,
  Answer,
> {
  /** Lower case with dashes. */
  readonly name: string;
  readonly summary?: string;
  /** Names of rare situations that `Setup.reach` may be told. */
  readonly probes?: readonly string[];
  /** Draws what differs between runs: how many nodes, which mechanisms are on. */
  readonly settings: (random: RandomStream) => Own;
  /** Names of the nodes. */
  readonly nodes: (settings: Own) => readonly string[];
  /** The program of a node, made once; `start` is called at the start and after each crash. */
  readonly program: (
    name: string,
    setup: Setup<Own>,
  ) => { readonly start: (disk: DiskView<Value>, context: Context<Message, Value>) => Node };
  // Messages and settings are those of the program, which is written first.
  readonly client?: ClientDefinition<NoInfer<Own>, NoInfer<Message>, Asked, Answer>;
  readonly operations?: OperationsDefinition<Own, Asked>;
  readonly faults?: FaultsDefinition;
  /** How links behave when nothing is wrong; drawn for each seed unless named. */
  readonly network?: (random: RandomStream) => NetworkOptions;
  /** By checker; asked after every event, so they must be quick. */
  readonly invariants?: Readonly<Record<string, Check<Own, Node, Asked, Answer>>>;
  /**
   * Whether all is as it must be some time after everything has healed, besides that every
   * operation is answered. The checker `liveness` fails when it is not within `livenessSeconds`.
   */
  readonly settled?: (view: View<Own, Node, Asked, Answer>) => boolean;
  /** 30 unless named. */
  readonly livenessSeconds?: number;
  /** By checker; asked once, when all has settled. */
  readonly atEnd?: Readonly<Record<string, Check<Own, Node, Asked, Answer>>>;
  /** Judges the answers that clients got, each key apart. */
  readonly linearizable?: {
    // The state of a model is nobody's business but its own.
    // oxlint-disable-next-line typescript/no-explicit-any
    readonly model: SequentialModel<any, Asked, Answer>;
    readonly keyOf?: (operation: Asked) => string;
  };
  /** A message in a few words, for diagrams; JSON unless named. */
  readonly describe?: (message: NoInfer<Message>) => string;
  /** Settings that are simpler by one step each, simplest first, for the shrinker. */
  readonly simplify?: (settings: NoInfer<Own>) => readonly NoInfer<Own>[];
}

import { SimulationError } from '../world/errors.js';
import type { DamageGate } from '../world/damage.js';
import type { NodeProgram } from '../world/process.js';
import type { World } from '../world/world.js';
import { FaultAtlas } from './atlas.js';
import { changeNetwork, healNetwork } from './network-actions.js';
import type { FaultAction, Schedule } from './schedule.js';
import { TargetMemory } from './targets.js';

/** What a schedule leaves to its scenario. */
export interface NemesisOptions<Message, Value> {
  /**
   * The node that a target such as `@leader` means now; undefined when there is none, and then the
   * action is skipped. `@random` needs no resolver.
   */
  readonly resolve?: (target: string) => string | undefined;
  /** The program of a release; undefined when there is none, and then the action is skipped. */
  readonly program?: (release: string, node: string) => NodeProgram<Message, Value> | undefined;
  /**
   * What may be damaged. Unless given, what the world is guarded by already, or else an atlas that
   * lets the largest minority of the nodes of the schedule be damaged at a time.
   */
  readonly atlas?: DamageGate;
}

/** Plans all actions of a schedule in a world, counted from now. Returns who carries them out. */
export function applySchedule<Message, Value>(
  world: World<Message, Value>,
  schedule: Schedule,
  options: NemesisOptions<Message, Value> = {},
): Nemesis<Message, Value> {
  const start = world.nowMicroseconds;
  const nemesis = new Nemesis(world, schedule.nodes, options);
  for (const { atMicroseconds, action } of schedule.faults) {
    world.at(start + atMicroseconds, `nemesis ${action.kind}`, () => nemesis.apply(action));
  }
  return nemesis;
}

/** Does one action to a world at once. `nodes` are those that the schedule is about. */
export function applyFault<Message, Value>(
  world: World<Message, Value>,
  nodes: readonly string[],
  action: FaultAction,
  options: NemesisOptions<Message, Value> = {},
): void {
  new Nemesis(world, nodes, options).apply(action);
}

/** Carries out the actions of one schedule, and remembers whom they hit. */
export class Nemesis<Message, Value> {
  readonly atlas: DamageGate;
  readonly #world: World<Message, Value>;
  readonly #nodes: readonly string[];
  readonly #options: NemesisOptions<Message, Value>;
  readonly #targets: TargetMemory;
  #skipped = 0;

  constructor(
    world: World<Message, Value>,
    nodes: readonly string[],
    options: NemesisOptions<Message, Value> = {},
  ) {
    this.#world = world;
    this.#nodes = nodes;
    this.#options = options;
    this.atlas = options.atlas ?? world.damageGate ?? new FaultAtlas({ nodes });
    world.guardDisks(this.atlas);
    const random = world.randomStream('nemesis targets');
    this.#targets = new TargetMemory((target) => {
      const resolved = options.resolve?.(target);
      return resolved ?? (target === '@random' ? random.pick(nodes) : undefined);
    });
  }

  /** Actions that did nothing: nobody was the target, or the atlas did not admit a wipe. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Does one action at once. */
  apply(action: FaultAction): void {
    const aimed = this.#targets.aim(action);
    if (aimed === undefined || !this.#hit(aimed)) this.#skipped += 1;
  }

  /** False when it could not be done. */
  #hit(action: FaultAction): boolean {
    return (
      this.#changeNetwork(action) ??
      this.#changeConnections(action) ??
      this.#changeProcess(action) ??
      this.#changeDisk(action) ??
      this.#changeClock(action) ??
      this.#healAll(action)
    );
  }

  #changeNetwork(action: FaultAction): true | undefined {
    return changeNetwork(this.#world.network, this.#nodes, action) ? true : undefined;
  }

  #changeConnections(action: FaultAction): true | undefined {
    const world = this.#world;
    switch (action.kind) {
      case 'replay':
        world.network.change({ replayProbability: action.probability });
        return true;
      case 'replay-end':
        world.network.restoreBehaviour('replayProbability');
        return true;
      case 'clog':
        world.clog(action.from, action.to);
        return true;
      case 'unclog':
        world.unclog(action.from, action.to);
        return true;
      case 'reset':
        world.resetConnection(action.node, action.peer);
        return true;
      case 'stateless-reset':
        world.resetStateless(action.node, action.peer);
        return true;
      case 'address-change':
        world.changeAddress(action.node);
        return true;
      case 'slow-reader':
        world.slowReader(action.node, action.microsecondsPerMessage);
        return true;
      case 'slow-reader-end':
        world.slowReader(action.node, 0);
        return true;
      default:
        return undefined;
    }
  }

  #changeProcess(action: FaultAction): boolean | undefined {
    const world = this.#world;
    switch (action.kind) {
      case 'crash':
        world.crash(action.node);
        return true;
      case 'restart':
        world.restart(action.node);
        return true;
      case 'pause':
        world.pause(action.node);
        return true;
      case 'resume':
        world.resume(action.node);
        return true;
      case 'wipe':
        if (!this.atlas.admitWipe(action.node)) return false;
        world.wipe(action.node);
        return true;
      case 'upgrade': {
        const program = this.#options.program?.(action.release, action.node);
        if (program === undefined) return false;
        world.setProgram(action.node, program);
        world.crash(action.node);
        world.restart(action.node);
        return true;
      }
      default:
        return undefined;
    }
  }

  #changeDisk(action: FaultAction): true | undefined {
    const world = this.#world;
    switch (action.kind) {
      case 'disk-stall':
        world.stallDisk(action.node, action.durationMicroseconds);
        return true;
      case 'disk-full':
        world.changeDiskFaults(action.node, { isFull: true });
        return true;
      case 'sync-failure':
        world.changeDiskFaults(action.node, { syncFailureProbability: action.probability });
        return true;
      case 'torn-writes':
        world.changeDiskFaults(action.node, { tornWriteProbability: action.probability });
        return true;
      case 'lost-writes':
        world.changeDiskFaults(action.node, { lostWriteProbability: action.probability });
        return true;
      case 'misdirected-writes':
        world.changeDiskFaults(action.node, { misdirectedWriteProbability: action.probability });
        return true;
      case 'lying-sync':
        world.changeDiskFaults(action.node, { liesAboutSync: true });
        return true;
      case 'disk-heal':
        world.endDiskFaults(action.node);
        return true;
      case 'bit-rot':
        world.rotDisk(action.node, action.keysMax, action.prefix);
        return true;
      default:
        return undefined;
    }
  }

  #changeClock(action: FaultAction): true | undefined {
    const world = this.#world;
    switch (action.kind) {
      case 'clock-drift':
        world.setClockDrift(action.node, action.partsPerMillion);
        return true;
      case 'clock-jump':
        world.jumpClock(action.node, action.microseconds);
        return true;
      case 'clock-offset':
        world.setClockOffset(action.node, action.microseconds);
        return true;
      default:
        return undefined;
    }
  }

  #healAll(action: FaultAction): boolean {
    if (action.kind !== 'heal-all') {
      throw new SimulationError('invalid-schedule', `no action of a schedule is ${action.kind}`);
    }
    const world = this.#world;
    healNetwork(world.network);
    world.network.endReplays();
    world.unclogAll();
    for (const node of this.#nodes) {
      world.slowReader(node, 0);
      world.endDiskFaults(node);
      world.endStall(node);
      world.setClockDrift(node, 0);
      world.setClockOffset(node, 0);
      // What a paused process has not been told yet may end it.
      world.resume(node);
      world.restart(node);
    }
    return true;
  }
}

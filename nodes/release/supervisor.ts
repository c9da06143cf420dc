/**
 * The parent process of a node: it starts the release that `release.json` says, starts it again when
 * it dies, and hands the directory over to another release. What it decides is in `machine.ts`; here
 * are the processes, the file and the socket.
 */
import { NodeError, messageOf } from '../errors.js';
import { lockDirectory } from '../storage/index.js';
import type { DirectoryLock } from '../storage/index.js';
import { Children } from './children.js';
import { ControlSocket } from './control-socket.js';
import type { ControlRequest } from './control-socket.js';
import {
  makeSupervisorFolder,
  readRecord,
  readReleases,
  releaseFiles,
  writeRecord,
} from './files.js';
import type { ReleaseFiles, ReleaseRecord } from './files.js';
import { step } from './machine.js';
import { CHANNEL_VERSION } from './messages.js';
import type { FromChild } from './messages.js';
import { endOrphan } from './orphan.js';
import { addOwnRelease, findRelease } from './registry.js';
import { initialSupervision, startableRecord } from './supervision.js';
import type { Child, Effect, Input, Supervision } from './supervision.js';

/** What a child says when it serves. */
export interface Serving {
  readonly nodeId: number;
  readonly peerId: string;
  readonly address: string;
  readonly release: string;
}

export interface SupervisorOptions {
  /** The data directory; it holds a node. */
  readonly directory: string;
  /** Arguments of the command line by which a child runs the node. */
  readonly args: readonly string[];
  readonly serving: (what: Serving) => void;
  readonly log: (message: string) => void;
}

/** Who asked for something, and is told how it ended. */
type Asker = (problem: string | null, isPassing: boolean) => void;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #files: ReleaseFiles;
  readonly #lock: DirectoryLock;
  readonly #children: Children;
  readonly #askers = new Map<string, Asker>();
  readonly #saidReady = new Map<number, Extract<FromChild, { type: 'ready' }>>();
  readonly #inputs: Input[] = [];
  #state: Supervision;
  #isStepping = false;
  #timer: NodeJS.Timeout | undefined;
  #control: ControlSocket | undefined;
  #requests = 0;
  #orphan: Promise<void>;
  #finish!: (problem: string | null) => void;
  /** How it ended: null when it was stopped, otherwise why it cannot go on. */
  readonly ended = new Promise<string | null>((resolve) => {
    this.#finish = resolve;
  });

  /**
   * Takes the directory for this supervisor and starts the node.
   * @throws StorageError `locked` when another supervisor runs there.
   */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const files = releaseFiles(options.directory);
    await makeSupervisorFolder(files);
    const lock = lockDirectory(files.supervisor);
    try {
      const own = await addOwnRelease(files);
      const found = await readRecord(files);
      const known = new Set((await readReleases(files)).map(({ name }) => name));
      const record = startableRecord(found ?? firstRecord(own.name), own.name, known);
      if (found !== undefined && found.current !== record.current) {
        options.log(`${record.failed?.reason ?? ''}; ${record.current} runs now`);
      }
      await writeRecord(files, record);
      const supervisor = new Supervisor(options, files, lock, record);
      supervisor.#control = await ControlSocket.listen(files.socket, (asked) =>
        supervisor.#handle(asked),
      );
      supervisor.#post({ type: 'start' });
      return supervisor;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(
    options: SupervisorOptions,
    files: ReleaseFiles,
    lock: DirectoryLock,
    record: ReleaseRecord,
  ) {
    this.#options = options;
    this.#files = files;
    this.#lock = lock;
    this.#state = initialSupervision(record);
    this.#children = new Children({
      said: (id, message) => this.#onSaid(id, message),
      exited: (id, how) => this.#post({ type: 'exited', id, how }),
      log: options.log,
    });
    // The process of a supervisor that was killed drains as soon as it notices; meanwhile this warms.
    this.#orphan = endOrphan(files.root, options.log);
    this.#orphan.catch(() => undefined);
  }

  /** Drains the node and ends it; `ended` resolves then. */
  stop(): void {
    this.#post({ type: 'stop' });
  }

  #post(input: Input): void {
    this.#inputs.push(input);
    if (!this.#isStepping) void this.#run();
  }

  /** One input after the other, each with all of its effects. */
  async #run(): Promise<void> {
    this.#isStepping = true;
    try {
      for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) {
        const { state, effects } = step(this.#state, input, performance.now());
        this.#state = state;
        for (const effect of effects) await this.#perform(effect);
      }
      this.#setTimer();
    } catch (error) {
      // Without its record it must not go on: the node drains when it sees the channel close.
      await this.#end(messageOf(error));
    } finally {
      this.#isStepping = false;
    }
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const { due } = this.#state;
    if (due === null) return;
    const delayMs = Math.max(0, due.atMs - performance.now());
    this.#timer = setTimeout(() => this.#post({ type: 'time' }), Math.ceil(delayMs));
  }

  async #perform(effect: Effect): Promise<void> {
    switch (effect.type) {
      case 'write':
        return writeRecord(this.#files, effect.record);
      case 'spawn':
        return this.#spawn(effect);
      case 'go':
        await this.#orphan;
        this.#children.tell(effect.id, {
          type: 'go',
          restarts: this.#state.restarts,
          failed: this.#state.record.failed,
        });
        return;
      case 'drain':
        return this.#children.tell(effect.id, { type: 'drain', isHandOver: effect.isHandOver });
      case 'leave':
        this.#children.tell(effect.id, { type: 'leave' });
        return this.#children.killUnlessGone(effect.id);
      case 'kill':
        return this.#children.kill(effect.id);
      case 'serving':
        return this.#announce(effect.id);
      case 'answer':
        this.#askers.get(effect.requestId)?.(effect.problem, effect.isPassing);
        this.#askers.delete(effect.requestId);
        return;
      case 'log':
        return this.#options.log(effect.message);
      case 'exit':
        return this.#end(effect.problem);
    }
  }

  async #spawn({ id, release, isStandby }: Extract<Effect, { type: 'spawn' }>): Promise<void> {
    try {
      const { path } = await findRelease(this.#files, release);
      this.#options.log(`starting release ${release} from ${path}`);
      this.#children.start(id, path, this.#options.args, isStandby);
    } catch (error) {
      this.#post({ type: 'exited', id, how: messageOf(error) });
    }
  }

  #announce(id: number): void {
    const said = this.#saidReady.get(id);
    if (said === undefined) return;
    this.#saidReady.clear();
    const { nodeId, peerId, address } = said;
    this.#options.serving({ nodeId, peerId, address, release: this.#state.record.current });
  }

  async #end(problem: string | null): Promise<void> {
    clearTimeout(this.#timer);
    for (const asker of this.#askers.values()) asker('the supervisor stops', true);
    await this.#control?.close();
    this.#lock.release();
    this.#finish(problem);
  }

  #onSaid(id: number, message: FromChild): void {
    switch (message.type) {
      case 'standby':
        return this.#onStandby(id, message);
      case 'ready':
        this.#saidReady.set(id, message);
        return this.#post({ type: 'ready', id });
      case 'failed':
        return this.#post({ ...message, id });
      case 'opened':
      case 'released':
      case 'settle':
        return this.#post({ type: message.type, id });
      case 'handOver': {
        const { request, to, rollout } = message;
        const requestId = `child-${id}-${request}`;
        this.#askers.set(requestId, (problem, isPassing) =>
          this.#children.tell(id, { type: 'answer', request, problem, isPassing }),
        );
        return this.#post({ type: 'handOver', requestId, to, rollout });
      }
      case 'pong':
    }
  }

  #onStandby(id: number, { version, release }: Extract<FromChild, { type: 'standby' }>): void {
    if (version !== CHANNEL_VERSION) {
      const reason = `${release.name} speaks version ${version} with its supervisor`;
      this.#post({ type: 'failed', id, reason, isFinal: false });
      this.#children.kill(id);
      return;
    }
    this.#post({ type: 'standby', id, release: release.name });
  }

  async #handle(asked: ControlRequest): Promise<unknown> {
    if (asked.type === 'status') return this.#status();
    const { path } = await findRelease(this.#files, asked.release);
    const { fallback, rollout } = this.#state.record;
    if (fallback !== null && rollout !== null) {
      throw new NodeError(
        'refused',
        `rollout ${rollout.id} decides which release runs here, until it can not be rolled back any more`,
      );
    }
    this.#requests += 1;
    const requestId = `command-${this.#requests}`;
    const problem = await new Promise<string | null>((resolve) => {
      this.#askers.set(requestId, resolve);
      this.#post({ type: 'handOver', requestId, to: asked.release, rollout: null });
    });
    if (problem !== null) throw new NodeError('refused', problem);
    return { release: asked.release, path };
  }

  #status(): object {
    const { record, main, standby, restarts } = this.#state;
    const describe = (child: Child | null): object | null =>
      child === null
        ? null
        : { pid: this.#children.pid(child.id) ?? null, release: child.release, stage: child.stage };
    return {
      ...record,
      pid: process.pid,
      restarts,
      main: describe(main),
      standby: describe(standby),
    };
  }
}

function firstRecord(current: string): ReleaseRecord {
  return { current, fallback: null, isTrial: false, rollout: null, failed: null };
}

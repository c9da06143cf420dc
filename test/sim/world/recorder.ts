import { reliableNetwork, World } from '../../../sim/world/index.js';
import type {
  Context,
  DiskFailure,
  NetworkOptions,
  Process,
  WorldOptions,
} from '../../../sim/world/index.js';

export const oneMillisecond: NetworkOptions = {
  ...reliableNetwork,
  delay: { kind: 'uniform', minimumMicroseconds: 1000, maximumMicroseconds: 1000 },
};

/** A process that notes what it is told, with the hands of its context handed out. */
export function recorder(
  notes: string[],
  contexts: Map<string, Context<string, string>> = new Map(),
): { start(disk: unknown, context: Context<string, string>): Process<string> } {
  return {
    start(_disk, context) {
      contexts.set(context.name, context);
      const note = (text: string): void => {
        notes.push(`${context.nowMicroseconds} ${context.name} ${text}`);
      };
      return {
        onMessage: (from, message) => note(`message ${from} ${message}`),
        onTick: (tag) => note(`tick ${tag}`),
        onDiskSynced: (token) => note(`synced ${token}`),
        onDiskFailed: (reason: DiskFailure, token: number) => note(`failed ${token} ${reason}`),
        onConnectionLost: (peer) => note(`lost ${peer}`),
      };
    },
  };
}

export interface RecordedWorld {
  readonly world: World<string, string>;
  /** Time, node and what it was told, one line each. */
  readonly notes: string[];
  /** Sends now; the node must be up. */
  send(from: string, to: string, message: string): void;
  context(name: string): Context<string, string>;
}

/** Nodes a, b and c that note what they are told, started at time 0. */
export function recordedWorld(options: Partial<WorldOptions<string>> = {}): RecordedWorld {
  const world = new World<string, string>({ seed: 1, network: oneMillisecond, ...options });
  const notes: string[] = [];
  const contexts = new Map<string, Context<string, string>>();
  for (const name of ['a', 'b', 'c']) world.addNode(name, recorder(notes, contexts));
  world.run({ untilMicroseconds: 0 });
  return {
    world,
    notes,
    context: (name) => contexts.get(name)!,
    send: (from, to, message) => contexts.get(from)!.send(to, message),
  };
}

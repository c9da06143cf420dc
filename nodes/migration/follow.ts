/** Brings a store that was built beside up to the others, so that it is fed with them from then on. */
import type { MemoryEngine } from '../../src/memory/engine.js';
import type { Engines } from '../engines.js';
import { NodeError } from '../errors.js';
import { CATCH_UP_BYTES_MAX } from '../limits.js';
import type { Replica } from '../replica/replica.js';

export interface FollowContext {
  readonly engines: Engines;
  readonly replica: Pick<Replica, 'appliedIndex' | 'replayableFrom' | 'replay'>;
  readonly signal: AbortSignal;
}

/**
 * Replays the log into the engine, adds it to the engines and makes it durable: what the log forgets
 * later, the store still knows. Returns its index. After a failure the engine is closed.
 */
export async function follow(engine: MemoryEngine, context: FollowContext): Promise<number> {
  const { engines, replica, signal } = context;
  const { restores } = engines;
  try {
    while (engine.appliedIndex < replica.appliedIndex) {
      signal.throwIfAborted();
      if (engine.appliedIndex + 1 < replica.replayableFrom) {
        throw new NodeError(
          'stopped',
          `the log was cut at ${replica.replayableFrom} while the ${engine.version} store was at ` +
            `${engine.appliedIndex}; it is built again`,
        );
      }
      const batch = replica.replay(engine.appliedIndex + 1, CATCH_UP_BYTES_MAX);
      engine.apply(batch.commands, batch.lastIndex);
      // Let messages, ticks and reads through between two pieces of the log.
      await new Promise((resolve) => setImmediate(resolve));
    }
    signal.throwIfAborted();
    if (engines.restores !== restores) {
      throw new NodeError('stopped', 'a snapshot has replaced the rows of this node meanwhile');
    }
    engine.sync();
  } catch (error) {
    engine.close();
    throw error;
  }
  // No await since the comparison above: nothing can have been applied in between.
  engines.add(engine);
  return engine.appliedIndex;
}

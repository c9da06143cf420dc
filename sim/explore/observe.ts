/** Turns what a world tells its observer into moments of a story. */
import type { World, WorldMoment } from '../world/index.js';
import type { Moment, RunOptions } from './scenario.js';

/**
 * Tells `observe` about every message and about what happens to nodes, if there is one to be told.
 * `describe` puts a message in a few words.
 */
export function observeWorld<Message, Value>(
  world: World<Message, Value>,
  observe: RunOptions['observe'],
  describe: (message: Message) => string,
): void {
  if (observe === undefined) return;
  world.observe((moment) => {
    const told = momentOf(moment, describe);
    if (told !== undefined) observe(told);
  });
}

function momentOf<Message>(
  moment: WorldMoment<Message>,
  describe: (message: Message) => string,
): Moment | undefined {
  const { atMicroseconds } = moment;
  switch (moment.kind) {
    case 'sent':
      // Told when it arrives, or when it is lost.
      return undefined;
    case 'delivered':
    case 'lost': {
      const { sentMicroseconds, from, to, message } = moment;
      const isLost = moment.kind === 'lost';
      const text = isLost ? `${describe(message)} (${moment.cause})` : describe(message);
      return { kind: 'message', sentMicroseconds, atMicroseconds, from, to, text, isLost };
    }
    case 'event': {
      const { what, node, detail } = moment;
      // Faults are told by the plan, with all that they do.
      if (what === 'action') return undefined;
      const text = detail === '' ? what : `${what} ${detail}`;
      return { kind: 'note', atMicroseconds, node, text };
    }
  }
}

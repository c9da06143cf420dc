import type { Context, NodeProgram, Process } from '../../../sim/world/index.js';

/** What a ping node says: its number, or the acknowledgement of one. */
export type PingMessage =
  | { readonly kind: 'ping'; readonly number: number }
  | { readonly kind: 'ack'; readonly number: number };

/** What the nodes of a ping protocol have done, kept outside of the world to be looked at. */
export interface PingBoard {
  /** Highest number received, by receiver and sender. */
  readonly received: Map<string, number>;
  /** Highest number acknowledged, by sender and receiver. */
  readonly acknowledged: Map<string, number>;
}

/** An empty board. */
export function newPingBoard(): PingBoard {
  return { received: new Map(), acknowledged: new Map() };
}

const resendMicroseconds = 5_000;

/**
 * Sends the numbers 1 to `count` to each peer, each again until it is acknowledged. The highest
 * number received is synced to the disk before it is acknowledged, so that an acknowledged number
 * is never received anew after a crash.
 */
export function pingProgram(
  peers: readonly string[],
  count: number,
  board: PingBoard,
): NodeProgram<PingMessage, number> {
  return {
    start(disk, context): Process<PingMessage> {
      const received = new Map(disk.keys().map((key) => [key, disk.get(key)!]));
      const acknowledged = new Map<string, number>();
      const waiting = new Map<number, { to: string; number: number }>();
      let token = 0;
      const resend = (): void => {
        for (const peer of peers) {
          const number = (acknowledged.get(peer) ?? 0) + 1;
          if (number <= count) context.send(peer, { kind: 'ping', number });
        }
        context.setTimer(resendMicroseconds + jitter(context), 'resend');
      };
      resend();
      return {
        onMessage(from, message) {
          if (message.kind === 'ack') {
            const highest = Math.max(acknowledged.get(from) ?? 0, message.number);
            acknowledged.set(from, highest);
            board.acknowledged.set(`${context.name} ${from}`, highest);
            return;
          }
          const highest = Math.max(received.get(from) ?? 0, message.number);
          received.set(from, highest);
          board.received.set(`${context.name} ${from}`, highest);
          context.write(from, highest);
          token += 1;
          waiting.set(token, { to: from, number: highest });
          context.sync(token);
        },
        onTick: resend,
        onDiskSynced(finished) {
          const answer = waiting.get(finished);
          waiting.delete(finished);
          if (answer !== undefined) context.send(answer.to, { kind: 'ack', number: answer.number });
        },
      };
    },
  };
}

function jitter(context: Context<PingMessage, number>): number {
  return Math.floor(context.random() * 1000);
}

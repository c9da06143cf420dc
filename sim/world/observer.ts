import type { LossCause } from './network.js';
import type { EventKind } from './trace.js';

/** What an observer of a world is told, as it happens. Times are true time. */
export type WorldMoment<Message> =
  | {
      readonly kind: 'sent';
      readonly atMicroseconds: number;
      readonly from: string;
      readonly to: string;
      readonly message: Message;
    }
  | {
      readonly kind: 'delivered';
      readonly sentMicroseconds: number;
      readonly atMicroseconds: number;
      readonly from: string;
      readonly to: string;
      readonly message: Message;
    }
  | {
      readonly kind: 'lost';
      readonly sentMicroseconds: number;
      /** When it was dropped: when it was sent, or when it would have arrived. */
      readonly atMicroseconds: number;
      readonly from: string;
      readonly to: string;
      readonly message: Message;
      readonly cause: LossCause;
    }
  | {
      readonly kind: 'event';
      readonly atMicroseconds: number;
      readonly what: Exclude<EventKind, 'message' | 'tick' | 'disk-synced'>;
      /** The node; of an action, its name. */
      readonly node: string;
      /** The peer of a lost connection, why a disk failed. */
      readonly detail: string;
    };

/** Must change nothing of the world. */
export type WorldObserver<Message> = (moment: WorldMoment<Message>) => void;

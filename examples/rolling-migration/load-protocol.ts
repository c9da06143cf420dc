/** Messages between the demo and its load process. */

import type { PeerAddress } from '../../transport/rpc/rpc.js';
import type { Operation } from './history.js';
import type { Mix } from './workload.js';

export type LoadCommand =
  | {
      readonly type: 'start';
      readonly seeds: readonly PeerAddress[];
      readonly token: string;
      readonly clients: number;
      readonly seed: number;
      /** Mean pause of a client between an answer and its next request, in milliseconds. */
      readonly thinkMs: number;
      /** Ids of memories that v1 already held; they are read and linked, never overwritten. */
      readonly sourceIds: readonly string[];
      /** Begins the ids that are written; `demo` when it is left out. */
      readonly prefix?: string;
      /** `MIX_DEFAULT` when it is left out. */
      readonly mix?: Mix;
    }
  /** Now is a moment to remember, on the clock of the load process. */
  | { readonly type: 'mark'; readonly name: 'rollout' | 'after' }
  | { readonly type: 'stop' };

export type LoadMessage =
  | { readonly type: 'started'; readonly microseconds: number }
  | { readonly type: 'operations'; readonly operations: readonly Operation[] }
  | { readonly type: 'marked'; readonly name: 'rollout' | 'after'; readonly microseconds: number }
  | {
      readonly type: 'stopped';
      readonly microseconds: number;
      /** The longest time for which this process itself was held up, in milliseconds. */
      readonly stallMs: number;
    }
  | { readonly type: 'failed'; readonly message: string };

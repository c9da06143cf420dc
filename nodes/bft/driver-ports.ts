import type {
  Decision,
  Evidence,
  TimeoutConfig,
  ValidatorId,
  ValueId,
  WireMessage,
} from '../../consensus/bft/index.js';
import type { Sealing } from './aggregates/aggregates.js';
import type { Command } from './batch.js';
import type { ProposedChange } from './change.js';
import type { Mempool } from './mempool.js';
import type { PendingChanges } from './pending-changes.js';
import type { ValueJudge } from './value-judge.js';

/** What the driver needs of what is around it. */
export interface DriverPorts {
  readonly mempool: Mempool;
  readonly changes: PendingChanges;
  readonly judge: ValueJudge;
  readonly timeoutsMs: TimeoutConfig;
  validate(command: Uint8Array): boolean;
  /** To all other validators. */
  send(messages: readonly WireMessage[]): void;
  /** Asks others for a value until it is there. Null once the validator is closed. */
  fetch(id: ValueId, from: ValidatorId | null, round: number): Promise<Uint8Array | null>;
  /** The name of a value of this height that is in parts. */
  spread?(bytes: Uint8Array): ValueId;
  /** Milliseconds for which the wait for a value goes on that is coming in parts; 0 if it does not. */
  patience?(id: ValueId): number;
  /** Whether another validator said that a command waits there for a height. */
  isToldOf?(height: number): boolean;
  /** Where decisions are aggregated. */
  readonly sealing?: Sealing;
  /** A height is decided and durable; the next begins when this resolves. */
  onDecided(
    decision: Decision,
    commands: readonly Command[],
    changes: readonly ProposedChange[],
  ): Promise<void>;
  onEvidence(evidence: Evidence): Promise<void>;
  onBehind(peer: ValidatorId): void;
  onFailed(error: unknown): void;
  log(line: string): void;
}

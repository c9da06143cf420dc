import type { Refusal, Verdict } from '../quic/engine.js';
import { CLOSE_CODE } from './codes.js';
import { readPeerId } from './dial.js';
import { REFUSALS_UNTOLD_MAX } from './limits.js';
import { shown } from './options.js';
import { RpcError } from './rpc.js';
import { isThenable } from './unary-run.js';

/** What the judge needs of the options of an endpoint. */
export interface JudgeOptions {
  readonly authorize?: (peerId: string) => boolean | string;
  readonly onRefusal?: (refusal: Refusal) => void;
}

/**
 * Whether an inbound peer is let in. An `authorize` that fails lets nobody in: what is wrong with it
 * is for this side alone, and the peer only learns that it is not admitted.
 */
export class InboundJudge {
  readonly #options: JudgeOptions;
  /** What is wrong, by what the peer is told (which names the peer), until the engine reports it. */
  readonly #untold = new Map<string, string>();
  #hasWarned = false;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  judge(certificate: Uint8Array | undefined): Verdict {
    const peerId = readPeerId(certificate);
    if (peerId instanceof RpcError) {
      return { isAccepted: false, code: CLOSE_CODE.unauthenticated, reason: peerId.message };
    }
    if (this.#options.authorize === undefined) return { isAccepted: true };
    let answer: unknown;
    try {
      answer = this.#options.authorize(peerId);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return this.#fault(`peer ${peerId} could not be judged`, `authorize threw: ${why}`);
    }
    if (answer === true) return { isAccepted: true };
    const refused = `peer ${peerId} is not admitted`;
    if (answer === false) return denied(`${refused}: it is not known here`);
    if (typeof answer === 'string') return denied(`${refused}: ${answer}`);
    if (isThenable(answer)) answer.then(undefined, () => undefined);
    const nothing = answer === undefined ? 'nothing' : shown(answer);
    const what = isThenable(answer) ? 'a promise' : nothing;
    return this.#fault(
      refused,
      `authorize returned ${what}; it must return true, false or a reason, and not a promise: ` +
        'what it has to look up must be there before the peer comes',
    );
  }

  /** Hands a refusal on, with what the peer was not told. */
  onRefusal(refusal: Refusal): void {
    const why = this.#untold.get(refusal.reason);
    this.#untold.delete(refusal.reason);
    const { reason } = refusal;
    this.#options.onRefusal?.(
      why === undefined ? refusal : { ...refusal, reason: `${reason}: ${why}` },
    );
  }

  #fault(told: string, why: string): Verdict {
    if (this.#options.onRefusal === undefined) this.#warn(`${told}: ${why}`);
    this.#untold.delete(told);
    this.#untold.set(told, why);
    if (this.#untold.size > REFUSALS_UNTOLD_MAX) {
      const [oldest] = this.#untold.keys();
      if (oldest !== undefined) this.#untold.delete(oldest);
    }
    return denied(told);
  }

  /** Once, since each peer that comes would bring the same. */
  #warn(text: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(`${text} (told once; onRefusal of listenRpc hears of each)`, {
      code: 'AGENTIC_FLOW_AUTHORIZE',
    });
  }
}

function denied(reason: string): Verdict {
  return { isAccepted: false, code: CLOSE_CODE.permissionDenied, reason };
}

/**
 * Says to the swarm which command version this node reads, until the swarm writes that version. A
 * leader of the previous release drops what it does not know when it passes a command on, so it is said
 * again in each term, and not more often: a swarm of two releases does not fill its log with it.
 */
import type { Replica } from './replica/replica.js';
import { COMMAND_VERSION } from './control-plane/state.js';

export class VersionNotice {
  readonly #replica: Pick<Replica, 'status' | 'control'>;
  readonly #say: () => Promise<void>;
  #saidInTerm = 0;

  /** `say` tells the swarm what this node is, unless the state says the same already. */
  constructor(replica: Pick<Replica, 'status' | 'control'>, say: () => Promise<void>) {
    this.#replica = replica;
    this.#say = say;
  }

  /** Call now and then; cheap when there is nothing to say. */
  poke(): void {
    if (this.#replica.control.commandVersion >= COMMAND_VERSION) return;
    const { term, leader } = this.#replica.status();
    if (leader === 0 || term === this.#saidInTerm) return;
    this.#saidInTerm = term;
    this.#say().catch(() => {
      this.#saidInTerm = 0;
    });
  }
}

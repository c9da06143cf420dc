/** The processes of a supervisor: started, spoken to, and ended for certain. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import { MAIN_FILE } from './identity.js';
import { EXIT_LIMIT_MS, PINGS_UNANSWERED_MAX, PING_INTERVAL_MS } from './limits.js';
import { STANDBY_VARIABLE, fromChild } from './messages.js';
import type { FromChild, FromSupervisor } from './messages.js';
import { howEnded } from './supervision.js';
import { lessUrgent } from './urgency.js';

export interface ChildEvents {
  said(id: number, message: FromChild): void;
  exited(id: number, how: string): void;
  log(message: string): void;
}

interface Running {
  readonly process: ChildProcess;
  readonly pinging: NodeJS.Timeout;
  /** What it does from now on, others wait for. */
  readonly urge: (() => void) | undefined;
  /** Pings since it was last heard; a clock would count the time in which the machine slept. */
  unanswered: number;
}

export class Children {
  readonly #events: ChildEvents;
  readonly #running = new Map<number, Running>();

  constructor(events: ChildEvents) {
    this.#events = events;
  }

  /** Starts the command line of a release in `folder`. */
  start(id: number, folder: string, args: readonly string[], isStandby: boolean): void {
    const child = fork(join(folder, MAIN_FILE), args, {
      // Not an argument, which a release that does not know it would refuse.
      env: { ...process.env, [STANDBY_VARIABLE]: isStandby ? '1' : '' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const pinging = setInterval(() => this.#ping(id), PING_INTERVAL_MS);
    const urge = isStandby ? lessUrgent(child.pid) : undefined;
    const running: Running = { process: child, pinging, urge, unanswered: 0 };
    this.#running.set(id, running);
    child.on('message', (raw) => {
      running.unanswered = 0;
      const parsed = fromChild.safeParse(raw);
      if (parsed.success) this.#events.said(id, parsed.data);
    });
    const ended = (how: string): void => {
      clearInterval(pinging);
      urge?.();
      if (this.#running.delete(id)) this.#events.exited(id, how);
    };
    child.once('error', (error) => {
      if (child.pid === undefined) ended(`it could not be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => ended(howEnded(code, signal)));
  }

  pid(id: number): number | undefined {
    return this.#running.get(id)?.process.pid;
  }

  tell(id: number, message: FromSupervisor): void {
    const running = this.#running.get(id);
    if (message.type === 'go') running?.urge?.();
    // One that is gone is heard of by its end.
    if (running?.process.connected === true) running.process.send(message, () => undefined);
  }

  kill(id: number): void {
    this.#running.get(id)?.process.kill('SIGKILL');
  }

  /** For one that says that it ends. */
  killUnlessGone(id: number): void {
    setTimeout(() => this.kill(id), EXIT_LIMIT_MS).unref();
  }

  /** A process whose event loop hangs can neither serve nor end itself. */
  #ping(id: number): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    if (running.unanswered >= PINGS_UNANSWERED_MAX) {
      const reason = 'its event loop hangs';
      this.#events.log(`process ${running.process.pid}: ${reason}; it is killed`);
      this.#events.said(id, { type: 'failed', reason, isFinal: false, isOfPlace: false });
      this.kill(id);
      return;
    }
    running.unanswered += 1;
    this.tell(id, { type: 'ping' });
  }
}

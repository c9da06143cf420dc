/**
 * What the requests of clients came to in the last minute, in slots of a quarter of a second:
 *
 *     begin() -> end('answered' | 'fault')   counted in the slot in which it ends
 *             -> end('void')                 not counted: nobody can blame the node
 *             -> no end before its deadline  a fault as soon as somebody looks
 *
 * Whoever asks gets the slots of its window merged, and takes nothing away: several may ask.
 */
import { FLIGHTS_MAX, PATIENCE_MS_MIN, SLOT_MS, WINDOW_MS_MAX } from './limits.js';
import { Latencies } from './latency.js';

/** `fault`: the node is to blame. `void`: nobody is, or whoever asked gave up. */
export type Outcome = 'answered' | 'fault' | 'void';

/** A request that runs. */
export interface Flight {
  readonly startedMs: number;
  readonly deadlineMs: number;
  isCounted: boolean;
}

export interface RequestWindow {
  /** Answered ones and faults. */
  readonly requests: number;
  readonly faults: number;
  /** Of both. */
  readonly latencies: Latencies;
}

interface Slot {
  number: number;
  requests: number;
  faults: number;
  latencies: Latencies;
}

const SLOTS = Math.ceil(WINDOW_MS_MAX / SLOT_MS) + 1;

export class RequestMeter {
  readonly #nowMs: () => number;
  readonly #slots: Slot[] = [];
  readonly #flights = new Set<Flight>();

  /** `nowMs` must never go back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  begin(timeoutMs: number): Flight {
    const startedMs = this.#nowMs();
    const deadlineMs = startedMs + Math.max(timeoutMs, PATIENCE_MS_MIN);
    const flight = { startedMs, deadlineMs, isCounted: false };
    if (this.#flights.size >= FLIGHTS_MAX) this.#countOverdue(startedMs);
    if (this.#flights.size < FLIGHTS_MAX) this.#flights.add(flight);
    return flight;
  }

  end(flight: Flight, outcome: Outcome): void {
    this.#flights.delete(flight);
    if (flight.isCounted || outcome === 'void') return;
    this.#count(flight, outcome, this.#nowMs());
  }

  /** The last `windowMs`, and up to one slot more. */
  window(windowMs: number): RequestWindow {
    const nowMs = this.#nowMs();
    this.#countOverdue(nowMs);
    const last = slotNumber(nowMs);
    const first = slotNumber(nowMs - windowMs);
    const slots = this.#slots.filter(({ number }) => number >= first && number <= last);
    let requests = 0;
    let faults = 0;
    for (const slot of slots) {
      requests += slot.requests;
      faults += slot.faults;
    }
    return { requests, faults, latencies: Latencies.merged(slots.map((each) => each.latencies)) };
  }

  /** A handler that hangs must not look like a node without requests. */
  #countOverdue(nowMs: number): void {
    for (const flight of this.#flights) {
      if (flight.deadlineMs > nowMs) continue;
      this.#flights.delete(flight);
      this.#count(flight, 'fault', nowMs);
    }
  }

  #count(flight: Flight, outcome: 'answered' | 'fault', nowMs: number): void {
    flight.isCounted = true;
    const slot = this.#slot(slotNumber(nowMs));
    slot.requests += 1;
    if (outcome === 'fault') slot.faults += 1;
    slot.latencies.add(nowMs - flight.startedMs);
  }

  #slot(number: number): Slot {
    const at = number % SLOTS;
    const slot = this.#slots[at];
    if (slot?.number === number) return slot;
    const fresh = { number, requests: 0, faults: 0, latencies: new Latencies() };
    this.#slots[at] = fresh;
    return fresh;
  }
}

function slotNumber(nowMs: number): number {
  return Math.floor(nowMs / SLOT_MS);
}

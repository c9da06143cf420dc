/** Three server processes that agree, whoever made them; the same for all that are compared. */
export interface Cluster {
  /**
   * Starts the processes with their data below `directory`, and connects; resolves when all three
   * serve. `clientsMax` is how many requests will be under way at a time.
   */
  start(directory: string, clientsMax: number): Promise<void>;
  /** Writes `VALUE_BYTES` under the key; resolves when a quorum has it on disk. One try. */
  put(client: number, key: number): Promise<void>;
  /** A linearizable read of a value of `VALUE_BYTES`; rejects when another one comes. */
  get(client: number, key: number): Promise<void>;
  /** A put that is tried at every process until one acknowledges it. */
  putThroughFailures(key: number): Promise<void>;
  /** Position of the process that leads, 0 to 2. */
  leader(): Promise<number>;
  /** SIGKILL. */
  kill(position: number): Promise<void>;
  /** Starts a killed process on what it has on disk; resolves when it serves and has caught up. */
  restart(position: number): Promise<void>;
  /** Processor time of the three processes so far. */
  cpuMicroseconds(): number;
  close(): Promise<void>;
}

export const SERVERS = 3;
export const VALUE_BYTES = 256;
/** Keys that are written; each is written again and again. */
export const KEYS = 1_000;

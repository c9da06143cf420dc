import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What a process holds after its garbage is gone. */
export interface Resources {
  readonly heapBytes: number;
  /** Native memory too, which no garbage collector knows. */
  readonly residentBytes: number;
  /** Sockets and timers. Pipes are those of the test runner. */
  readonly handles: number;
}

/** Collects garbage, waits for what only a turn of the loop gives back, and looks. */
export async function look(): Promise<Resources> {
  for (let round = 0; round < 3; round += 1) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, rss } = process.memoryUsage();
  const handles = process.getActiveResourcesInfo().filter((each) => each !== 'PipeWrap').length;
  return { heapBytes: heapUsed, residentBytes: rss, handles };
}

export function describeGrowth(before: Resources, after: Resources): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
  return (
    `heap ${megabytes(before.heapBytes)} to ${megabytes(after.heapBytes)}, resident ` +
    `${megabytes(before.residentBytes)} to ${megabytes(after.residentBytes)}, handles ` +
    `${before.handles} to ${after.handles}`
  );
}

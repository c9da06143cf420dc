import { Cluster } from './bft/cluster.js';
import type { Bench, Measurements } from './harness.js';
import { describeDataFolder } from './raft-processes/data-folder.js';

const MEBIBYTE = 1024 * 1024;
/** A command with its head. */
const LONGEST = 8 * MEBIBYTE - 64;

/** By name, the commands of a value. The last one is as much as a value takes. */
const VALUES: Readonly<Record<string, readonly number[]>> = {
  '1-mib': [MEBIBYTE],
  '4-mib': [4 * MEBIBYTE],
  '16-mib': [LONGEST, LONGEST],
};

/** How large values are spread: in parts that validators pass on, and whole by the proposer to each. */
export function bftPartsBench(
  sizes: readonly string[] = Object.keys(VALUES),
  counts: readonly number[] = [4, 7],
): Bench {
  const metrics = sizes.flatMap((size) => [
    [`decided-${size}`, 'ms'],
    [`heights-${size}`, 'heights'],
    [`proposer-${size}`, 'MiB'],
    [`others-${size}`, 'MiB'],
  ]);
  return {
    description:
      'values of 1, 4 and 16 MiB among 4 and 7 validators as processes over QUIC, synced: in parts ' +
      'that they pass on, and whole by the proposer to each',
    roundsDefault: 5,
    metrics: Object.fromEntries(metrics) as Record<string, string>,
    subjects: counts.flatMap((count) => [
      subject(`${count} in parts`, count, false, sizes),
      subject(`${count} whole`, count, true, sizes),
    ]),
    ratios: counts.flatMap((count) =>
      sizes.map((size) => {
        const metric = `proposer-${size}`;
        return { metric, subject: `${count} in parts`, peer: `${count} whole` };
      }),
    ),
    notes: () => [
      describeDataFolder(),
      'decided: from submit to decided, durable and applied, at the validator that proposes next',
      'heights: more than 1 where the first proposal was too late, and another one proposed next',
      'proposer, others: UDP payload that it sent until all had decided, and that of who sent most ' +
        'of the others',
    ],
  };
}

function subject(
  name: string,
  count: number,
  isWhole: boolean,
  sizes: readonly string[],
): Bench['subjects'][number] {
  let cluster: Cluster | undefined;
  return {
    name,
    prepare: async () => {
      cluster = await Cluster.start(count, { partsFrom: 1, isWhole });
      for (let at = 0; at < count; at += 1) await cluster.large([MEBIBYTE]);
    },
    run: async (): Promise<Measurements> => {
      if (cluster === undefined) throw new Error('prepare comes first');
      const measured: Record<string, number> = {};
      for (const size of sizes) {
        const load = await cluster.large(VALUES[size]!);
        const { decidedMs, heights, proposerBytes, otherBytesMost } = load;
        measured[`decided-${size}`] = decidedMs;
        measured[`heights-${size}`] = heights;
        measured[`proposer-${size}`] = proposerBytes / MEBIBYTE;
        measured[`others-${size}`] = otherBytesMost / MEBIBYTE;
      }
      return measured;
    },
    close: () => cluster?.close(),
  };
}

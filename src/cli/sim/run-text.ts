/** What `sim run` prints for a reader. */
import type { CampaignReport, SeedOutcome } from '../../../sim/explore/campaign.js';
import type { CampaignEnd } from './campaign-threads.js';
import type { ReportedFailure } from './run.js';

/** One line a seed. */
export function outcomeLine({ seed, result }: SeedOutcome): string {
  const { counts, events, traceHash, failure } = result;
  const sums = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  const end = failure === undefined ? '' : `, FAILED ${failure.checker}`;
  return `seed ${seed}: ${[...sums, `events ${events}`].join(', ')}, trace ${traceHash}${end}`;
}

export function failureText(failure: ReportedFailure): string {
  const { scenario, seed, checker, message, atMicroseconds, replay, file } = failure;
  const lines = [
    `FAILED seed ${seed} of ${scenario}: ${checker} at ${(atMicroseconds / 1_000).toFixed(3)} ms`,
    ...message.split('\n').map((line) => `  ${line}`),
  ];
  if (file !== undefined) lines.push(`plan: ${file}`);
  if (failure.shrunk !== undefined) {
    const { runs, isMinimal, faults, operations } = failure.shrunk;
    const end = isMinimal ? 'nothing more can be left out' : 'the bound ended it';
    lines.push(`shrunk to ${faults} faults and ${operations} operations in ${runs} runs; ${end}`);
  }
  if (failure.notShrunk !== undefined) lines.push(`not shrunk: ${failure.notShrunk}`);
  lines.push(`replay: ${replay}`);
  return lines.join('\n');
}

const ENDS: Readonly<Record<CampaignEnd, string>> = {
  'all-seeds': '',
  failures: '; ended by the number of failures',
  time: '; ended by the time',
  interrupted: '; interrupted',
};

export function reportText(report: CampaignReport, end: CampaignEnd): string {
  const { scenario, seeds, firstSeed, lastSeed, events, simulatedMicroseconds, verified } = report;
  const range = firstSeed === undefined ? 'no seeds' : `seeds ${firstSeed}..${lastSeed}`;
  const hours = simulatedMicroseconds / 3_600_000_000;
  const lines = [
    `${scenario}: ${range} (${seeds} run, ${verified} of them twice with equal traces)${ENDS[end]}`,
    `  ${events} events, ${hours.toFixed(2)} simulated hours`,
  ];
  const counts = Object.entries(report.counts);
  if (counts.length > 0) {
    lines.push(`  ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}`);
  }
  const probes = Object.entries(report.probes);
  if (probes.length > 0) {
    lines.push(`  probes: ${probes.map(([name, count]) => `${name} in ${count}`).join(', ')}`);
  }
  const missed = probes.filter(([, count]) => count === 0).map(([name]) => name);
  if (missed.length > 0 && seeds > 0) lines.push(`  probes not reached: ${missed.join(', ')}`);
  return lines.join('\n');
}

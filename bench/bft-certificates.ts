import { Verification } from './bft/certificates.js';
import type { Bench } from './harness.js';

/** What proves a decision, by signatures of each and by one of all: its bytes, and what it costs to check. */
export function bftCertificatesBench(
  validators: readonly number[] = [4, 31, 100],
  verified = 30,
): Bench {
  return {
    description: `proofs of decisions among ${validators.join(', ')} validators, aggregated or not`,
    roundsDefault: 5,
    metrics: {
      'decision-bytes': 'bytes',
      'verified-votes': 'ms',
      'verified-decision': 'ms',
      'taken-votes': 'ms',
    },
    subjects: validators.flatMap((count) => [
      subjectOf(`${count} validators`, count, verified, false),
      subjectOf(`${count} aggregated`, count, verified, true),
    ]),
    ratios: [],
    notes: () => [
      'decision-bytes: of a decision without its value, as it is kept, fetched and shown',
      'verified: processor time for 2f+1 votes that were not seen before, or the one signature of ' +
        'them; and for a whole decision as it comes, read and counted, with that of its proposal',
      'taken-votes: processor time of a validator for 2f+1 votes as they come: each signature, and ' +
        'where decisions are aggregated the shares together; the sum of them is then verified',
    ],
  };
}

function subjectOf(
  name: string,
  validators: number,
  verified: number,
  aggregates: boolean,
): Bench['subjects'][number] {
  let verification: Verification | undefined;
  return {
    name,
    prepare: () => {
      verification = new Verification(validators, verified, aggregates);
      verification.measure();
    },
    run: () => {
      if (verification === undefined) throw new Error('prepare comes first');
      const { decisionBytes, certificateMs, decisionMs, takenMs } = verification.measure();
      return {
        'decision-bytes': decisionBytes,
        'verified-votes': certificateMs,
        'verified-decision': decisionMs,
        'taken-votes': takenMs,
      };
    },
  };
}

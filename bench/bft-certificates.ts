import { Verification, verificationSubject } from './bft/certificates.js';
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
      subjectOf(`${count} validators`, () => new Verification(count, verified)),
      subjectOf(`${count} aggregated`, () => new Verification(count, verified, true)),
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

function subjectOf(name: string, make: () => Verification): Bench['subjects'][number] {
  return verificationSubject(name, make, (cost) => ({
    'decision-bytes': cost.decisionBytes,
    'verified-votes': cost.certificateMs,
    'verified-decision': cost.decisionMs,
    'taken-votes': cost.takenMs,
  }));
}

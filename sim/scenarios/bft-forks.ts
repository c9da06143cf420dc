/**
 * Twins of one validator too many: there are forks, and of each those who made it are named. Whoever is
 * asked and correct answers with what it kept; the faulty answer, say nothing, or show something else.
 */
import { blameFork } from '../bft/blame.js';
import { twinsScenario } from './twins-scenario.js';

export const bftForks = twinsScenario({
  name: 'bft-forks',
  summary: 'Tendermint with one twin too many: of each fork more than a third is named, all faulty',
  probes: ['equivocation', 'amnesia', 'answered'],
  // One in some four hundred ends in a fork.
  scenariosPerRun: 600,
  twinsOf: (validators) => (validators - 1) / 3 + 1,
  judge: ({ fork, violation }, _scenario, random) => {
    if (fork === null) return { violation, text: '', probes: [] };
    const blame = blameFork(fork, random);
    const text = `${blame.kind} ${blame.answers} ${blame.named.join(' ')}`;
    const probes = blame.answers > 0 ? [blame.kind, 'answered'] : [blame.kind];
    return { violation: blame.violation, text, probes };
  },
});

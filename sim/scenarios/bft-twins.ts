/**
 * Twins of Byzantine validators (`sim/bft/twins.ts`): each run tries so many scenarios, which have
 * partitions for each step of each round, and no clock.
 */
import { twinsScenario } from './twins-scenario.js';

export const bftTwins = twinsScenario({
  name: 'bft-twins',
  summary: 'Tendermint with twins of its faulty validators, in partitions by step of each round',
  probes: ['some-decide', 'nobody-decides', 'all-decide', 'twin-proven'],
  scenariosPerRun: 200,
  twinsOf: (validators) => (validators - 1) / 3,
  judge: ({ violation, decided, accused }, { validators, instances }) => {
    const correct = 2 * validators.length - instances.length;
    const decides =
      decided === 0 ? 'nobody-decides' : decided < correct ? 'some-decide' : 'all-decide';
    const probes = accused > 0 ? [decides, 'twin-proven'] : [decides];
    return { violation, text: `${decided} ${accused}`, probes };
  },
});

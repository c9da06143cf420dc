export { type DrawOperation, raftFaultKinds } from './draw.js';
export type { RaftNodeOptions } from './node-options.js';
export { raftRegisters } from './register.js';
export {
  type Invariant,
  type JudgedBy,
  type RaftScenarioOptions,
  raftScenario,
} from './scenario.js';
export { raftPrograms } from './start.js';
export type { StateMachine } from './state-machine.js';

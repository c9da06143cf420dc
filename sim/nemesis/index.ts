export { applyFault, applySchedule, Nemesis, type NemesisOptions } from './apply.js';
export { FaultAtlas, type AtlasOptions } from './atlas.js';
export { describeAction, describeSchedule } from './describe.js';
export { generateSchedule, type ScheduleOptions } from './generate.js';
export {
  clockFaultKinds,
  damageFaultKinds,
  diskFaultKinds,
  faultKinds,
  networkFaultKinds,
  processFaultKinds,
  type FaultKind,
} from './kinds.js';
export { parseSchedule } from './parse.js';
export type { FaultAction, Schedule, TimedFault } from './schedule.js';

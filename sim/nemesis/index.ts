export { applyFault, applySchedule } from './apply.js';
export { faultKinds, generateSchedule, type FaultKind, type ScheduleOptions } from './generate.js';
export {
  describeAction,
  describeSchedule,
  type FaultAction,
  type Schedule,
  type TimedFault,
} from './schedule.js';

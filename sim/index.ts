/** What a user of the simulator needs: worlds, faults, checkers, scenarios and campaigns. */
export {
  Campaign,
  runCampaign,
  runSeed,
  type CampaignOptions,
  type CampaignReport,
  type SeedFailure,
  type SeedOutcome,
} from './explore/campaign.js';
export { drawDiagram, drawMermaid, type DiagramOptions } from './explore/diagram.js';
export { failureFrom, require } from './explore/failure.js';
export type { Json, Plan, TimedOperation } from './explore/plan.js';
export {
  compareWithExpectation,
  parsePlanFile,
  writePlanFile,
  type Expectation,
  type PlanFile,
} from './explore/plan-file.js';
export { runPlan } from './explore/run-plan.js';
export { advance, resultOf } from './explore/run-world.js';
export { restrictSchedule } from './explore/schedule-edit.js';
export type { Failure, Moment, RunOptions, RunResult, Scenario } from './explore/scenario.js';
export { SettingsReader } from './explore/settings.js';
export {
  replayPlan,
  simulate,
  SimulationFailure,
  type SimulateOptions,
} from './explore/simulate.js';
export { shrink, type ShrinkOptions, type ShrinkResult } from './explore/shrink.js';
export { tellStory, type Story } from './explore/story.js';
export { defineScenario } from './define/define-scenario.js';
export type {
  Call,
  Check,
  ClientDefinition,
  FaultsDefinition,
  OperationsDefinition,
  ScenarioDefinition,
  Settings,
  Setup,
  View,
} from './define/definition.js';
export { raftScenario, type RaftScenarioOptions, type StateMachine } from './raft/index.js';
export {
  checkLinearizability,
  type LinearizabilityResult,
  type Operation,
} from './checkers/linearizability.js';
export type { SequentialModel } from './checkers/model.js';
export { keyValue, memoryRegister, register } from './checkers/models.js';
export { observeWorld } from './explore/observe.js';
export { scenarios } from './scenarios/index.js';
export { Violation } from './checkers/violation.js';
export * from './nemesis/index.js';
export {
  EventHeap,
  RandomStream,
  reliableNetwork,
  SimulationError,
  World,
  type Context,
  type Delay,
  type DiskOptions,
  type DiskView,
  type NetworkOptions,
  type NodeProgram,
  type Process,
  type SimulationErrorCode,
  type WorldOptions,
} from './world/index.js';

/** The configuration phase of a migration: a plan with diffs, and carrying it out. */
export { type AppliedConfig, applyConfig, type ApplyConfigOptions } from './apply.js';
export { capabilitiesOf } from './capabilities.js';
export { ConfigError, type ConfigErrorCode } from './errors.js';
export type {
  AgentsConfig,
  HooksConfig,
  McpConfig,
  ReasoningbankConfig,
  RouterConfig,
  SwarmConfig,
} from './formats.js';
export { planConfig } from './plan.js';
export {
  type ConfigPlan,
  type FileChange,
  FileContent,
  type PlanConfigOptions,
  type QuarantinedConfig,
} from './plan-types.js';
export { CONFIG_FOLDER, type MigratedConfig, readConfig } from './read-config.js';

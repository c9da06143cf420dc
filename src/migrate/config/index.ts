import type { V1Installation } from '../../v1/index.js';
import type { ConfigPlan, PlanConfigOptions } from './plan-types.js';
export type * from './plan-types.js';
export async function planConfig(i: V1Installation, _o: PlanConfigOptions): Promise<ConfigPlan> {
  return { directory: i.directory, home: i.home, changes: [], notes: [], quarantined: [] };
}
export async function applyConfig(_plan: ConfigPlan): Promise<void> {}

/** Bounds of exploration. */
export const limits = {
  /** Events of one run, unless the caller names another bound. */
  eventsPerRunMax: 50_000_000,
  /** The largest seed: every whole number up to it is exact. */
  seedMax: Number.MAX_SAFE_INTEGER,
  /** Of so many seeds of a campaign the first is run twice, unless the caller names another share. */
  verifyEverySeeds: 1_000,
  /** Failing seeds after which a campaign ends, unless the caller names another number. */
  failuresMax: 5,
  /** Runs that one shrinking may take, unless the caller names another bound. */
  shrinkRunsMax: 2_000,
  /** Characters of a plan file. */
  planCharactersMax: 16 * 1024 * 1024,
  /** Operations in a plan. */
  planOperationsMax: 100_000,
  /** Settings, elements of an array and names of an object in a plan, each. */
  planMembersMax: 100_000,
  /** How deep settings and operations may nest. */
  planDepthMax: 32,
  /** Characters of a name in a plan: of a scenario, a checker, a probe, a node. */
  planNameCharactersMax: 100,
  /** Characters of a title, and of what a plan is about. */
  planProseCharactersMax: 2_000,
  /** Moments that are kept of a run for a diagram; older ones are dropped. */
  momentsKeptMax: 2_000_000,
  /** Characters of a label in a diagram. */
  labelCharactersMax: 200,
} as const;

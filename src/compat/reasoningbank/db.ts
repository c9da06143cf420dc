/** What v1 exports as `db`. */
export {
  closeDb,
  countNewMemoriesSinceConsolidation,
  fetchMemoryCandidates,
  getAllActiveMemories,
  getContradictions,
  getDb,
  incrementUsage,
  logMetric,
  pruneOldMemories,
  runMigrations,
  storeConsolidationRun,
  storeLink,
  storeMattsRun,
  storeTrajectory,
  upsertEmbedding,
  upsertMemory,
} from './queries.js';

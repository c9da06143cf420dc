/** Calls that answer otherwise than v1, and why; docs/v1-compatibility.md tells the same to users. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  'db.getDb': 'a connection of better-sqlite3 is not offered',
  'ReflexionMemory.retrieveRelevant of rewards':
    'v1 throws for timeWindowDays: its SQL quotes a text as a column',
  HybridReasoningBank: 'v1 throws: its constructor uses a class that it never imports',
  AdvancedMemorySystem: 'v1 throws, as HybridReasoningBank does',
  hasSQLite: 'v1 answers false in every ES module, since it asks with require',
  getBackendInfo: 'as hasSQLite',
  validateEnvironment: 'as hasSQLite',
};

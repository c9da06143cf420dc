/** Whether what was migrated is what v1 holds, and works. */
export { type RowValidation, type StorePaths, validateRows } from './rows.js';
export { type ReplayValidation } from './replay.js';
export { type SearchValidation } from './searches.js';
export { validateUse } from './use.js';

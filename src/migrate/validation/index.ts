/** Whether what was migrated is what v1 holds, and works. */
export { validateRows } from './rows.js';
export { validateUse } from './use.js';

import { defineConfig } from 'vitest/config';

// Drives a real Chromium; see test/browser/chromium.ts for where it is looked for.
export default defineConfig({
  test: {
    include: ['dist/test/browser/**/*.browser.js'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

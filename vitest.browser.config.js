import { defineConfig } from 'vitest/config';

// Drives a real Chromium; see test/browser/chromium.ts for where it is looked for.
export default defineConfig({
  test: {
    include: ['dist/test/browser/**/*.browser.js'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 180_000 } },
  },
});

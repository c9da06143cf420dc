import { defineConfig } from 'vitest/config';

// Nodes of several builds, as processes: the previous one is built first (test/releases/previous.ts).
export default defineConfig({
  test: {
    include: ['dist/test/releases/**/*.releases.js'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});

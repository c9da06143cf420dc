import { defineConfig } from 'vitest/config';

// Nodes of several builds, as processes: the previous one is built first (test/releases/previous.ts).
export default defineConfig({
  test: {
    include: ['dist/test/releases/**/*.releases.js'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 180_000 } },
  },
});

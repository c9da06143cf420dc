import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['dist/test/oracle/**/*.test.js'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['dist/test/oracle/**/*.test.js'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 180_000 } },
  },
});

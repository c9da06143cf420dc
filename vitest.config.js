import { defineConfig } from 'vitest/config';

// Tests run on the compiled output, so that what is tested is what ships (worker files included).
export default defineConfig({
  test: {
    include: ['dist/test/**/*.test.js'],
    exclude: ['dist/test/oracle/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});

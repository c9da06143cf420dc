import { defineConfig } from 'vitest/config';

// Tests run on the compiled output, so that what is tested is what ships (worker files included).
export default defineConfig({
  test: {
    include: ['dist/test/**/*.test.js'],
    exclude: ['dist/test/oracle/**'],
    pool: 'forks',
    maxWorkers: 2,
    // Only what hangs needs so long: no test fails because the machine is slow.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 180_000 } },
  },
});

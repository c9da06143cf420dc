import { defineConfig } from 'vitest/config';

// Against other implementations, which are not in the lock file: npm install --prefix bench/peers
export default defineConfig({
  test: {
    include: ['dist/test/interop/**/*.interop.js'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 180_000 } },
  },
});

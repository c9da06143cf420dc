import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

// What a panic in the native engine does, shown with the one that is known: no packet causes it.
it('a Rust panic in the native engine aborts the process, no exception can be caught', () => {
  const script = `
    import { loadNative } from ${JSON.stringify(new URL('../../../../transport/quic/quiche/native.js', import.meta.url).href)};
    const { Config } = loadNative();
    try {
      Config.withBoringSslCtx(true, true, undefined, [], [], 'ed25519');
    } catch {
      process.exit(42);
    }
  `;
  const { signal, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  );
  expect(signal).toBe('SIGABRT');
  expect(stderr).toContain('panicked at');
});

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bidirectional, connected, handler } from './engines.js';
import { until } from '../../waiting.js';

const VARIABLES = ['SSLKEYLOGFILE', 'QLOGDIR'] as const;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quic-logs-'));
});

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
  rmSync(folder, { recursive: true, force: true });
});

async function talk(): Promise<void> {
  const { client, server } = await connected((stream) =>
    handler({ onData: (bytes, isFinal) => void stream.write(Buffer.from(bytes), isFinal) }),
  );
  let isAnswered = false;
  bidirectional(client, handler({ onData: () => (isAnswered = true) })).write(
    Buffer.from('x'),
    true,
  );
  await until(() => isAnswered);
  await client.close(7, 'that was all');
  await server.closed;
}

describe('for debugging', () => {
  it('SSLKEYLOGFILE takes the secrets of all connections, for its owner only', async () => {
    const file = join(folder, 'keys.txt');
    process.env['SSLKEYLOGFILE'] = file;
    await talk();
    await talk();
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const traffic = lines.filter((line) => line.startsWith('CLIENT_TRAFFIC_SECRET_0 '));
    // Both sides of two connections, each pair with the same client random and secret.
    expect(traffic).toHaveLength(4);
    expect(new Set(traffic).size).toBe(2);
    for (const line of traffic) expect(line).toMatch(/^\w+ [0-9a-f]{64} [0-9a-f]{64,96}$/);
  });

  it.each(VARIABLES)('%s that cannot be written to disturbs no connection', async (variable) => {
    process.env[variable] = join(folder, 'missing', 'deeper');
    await talk();
  });

  it('QLOGDIR takes a file for each side of a connection, each line an event', async () => {
    process.env['QLOGDIR'] = folder;
    await talk();
    await until(() => readdirSync(folder).length === 2 && logs().every(isComplete));
    for (const log of logs()) {
      const [header, ...events] = log as [
        { qlog_version: string; trace: { common_fields: { ODCID: string } } },
        ...{ time: number; name: string; data: Record<string, unknown> }[],
      ];
      expect(header.qlog_version).toBe('0.3');
      expect(header.trace.common_fields.ODCID).toMatch(/^[0-9a-f]{16,40}$/);
      const names = events.map(({ name }) => name);
      expect(names).toContain('transport:datagrams_sent');
      expect(names).toContain('transport:datagrams_received');
      expect(names).toContain('connectivity:connection_state_updated');
      expect(events.at(-1)).toMatchObject({
        name: 'connectivity:connection_closed',
        data: { code: 7, reason: 'that was all' },
      });
      const times = events.map(({ time }) => time);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });
});

function logs(): unknown[][] {
  return readdirSync(folder).map((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\u001E')
      .filter((text) => text.endsWith('\n'))
      .map((text) => JSON.parse(text) as unknown),
  );
}

function isComplete(log: unknown[]): boolean {
  return (log.at(-1) as { name?: string } | undefined)?.name === 'connectivity:connection_closed';
}

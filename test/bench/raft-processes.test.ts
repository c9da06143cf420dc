import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { formatResult, runBench } from '../../bench/harness.js';
import { raftFailoverBench, raftProcessesBench } from '../../bench/raft-processes.js';
import { findEtcd } from '../../bench/raft-processes/etcd-binary.js';
import { GrpcConnection } from '../../bench/raft-processes/grpc-connection.js';
import { bytesField, messageField, readFields } from '../../bench/raft-processes/protobuf.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

describe('three processes of ours', () => {
  it('are measured alone when etcd is missing, and it is said how to get it', async () => {
    const size = { clients: [1, 4], durationMs: 200 };
    const result = await runBench(raftProcessesBench(size, null), 1);
    const names = ['puts-1', 'puts-4', 'gets-1', 'gets-4'];
    const metrics = names.flatMap((name) => [name, `${name}-p50`, `${name}-p99`]);
    for (const metric of metrics) {
      const row = result.rows.find((each) => each.metric === metric);
      expect(row?.median, metric).toBeGreaterThan(0);
    }
    expect(result.ratios).toEqual([]);
    const text = formatResult(result);
    expect(text).toContain('etcd is not measured: no etcd in PATH');
    expect(text).toMatch(/^data on .+ in /m);
  });

  it('acknowledge writes again after their leader was killed', async () => {
    const { rows } = await runBench(raftFailoverBench(null), 1);
    expect(rows).toHaveLength(1);
    // An election begins 600 ms after the last word of a leader at the soonest; that may be 100 ms old.
    expect(rows[0]?.median).toBeGreaterThan(300);
  });
});

describe('the binary of etcd', () => {
  it('is looked for in PATH first, then beside the peers, and must be executable', () => {
    const folder = mkdtempSync(join(tmpdir(), 'etcd-binary-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'etcd');
    const beside = join(folder, 'beside');
    writeFileSync(path, '');
    expect(findEtcd(`:/nowhere:${folder}`, beside)).toBeUndefined();
    chmodSync(path, 0o755);
    expect(findEtcd(`:/nowhere:${folder}`, beside)).toBe(path);
    writeFileSync(beside, '', { mode: 0o755 });
    expect(findEtcd(`/nowhere`, beside)).toBe(beside);
    expect(findEtcd(folder, beside)).toBe(path);
  });
});

describe('protobuf', () => {
  it('is read as it is written', () => {
    // Of the protobuf guide: field 1 is 150; field 2 the text "testing".
    const message = Buffer.from('08960112 0774657374696e67'.replace(' ', ''), 'hex');
    const fields = readFields(message);
    expect(fields.get(1)).toBe(150n);
    expect(Buffer.from(fields.get(2) as Uint8Array).toString()).toBe('testing');
    expect(bytesField(2, Buffer.from('testing'))).toEqual(message.subarray(3));
    const long = bytesField(3, bytesField(1, Buffer.alloc(300, 7)));
    expect(messageField(readFields(long), 3).get(1)).toEqual(Buffer.alloc(300, 7));
    expect(messageField(readFields(long), 4).size).toBe(0);
  });

  it.each(['08', '0896', '12ff', '1207', '0d00000000', '08ffffffffffffffffffffff01'])(
    'that is cut off or of another kind is refused: %s',
    (bytes) => {
      expect(() => readFields(Buffer.from(bytes, 'hex'))).toThrow(RangeError);
    },
  );
});

describe('a gRPC call', () => {
  /** Answers each call with `answer`. */
  async function serve(answer: (stream: ServerHttp2Stream) => void): Promise<GrpcConnection> {
    const server: Http2Server = createServer();
    server.on('stream', (stream) => answer(stream));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const connection = await GrpcConnection.open((server.address() as AddressInfo).port);
    closing.push(() => {
      connection.close();
      server.close();
    });
    return connection;
  }

  it('resolves with the message when the trailer says that all is well', async () => {
    const connection = await serve((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.write(Buffer.from('0000000003', 'hex'));
      stream.end('abc');
    });
    expect(Buffer.from(await connection.call('/a/B', Buffer.alloc(0))).toString()).toBe('abc');
  });

  it('rejects with the status, also when that is all that comes', async () => {
    const connection = await serve((stream) => {
      stream.respond({ 'grpc-status': '14', 'grpc-message': 'no leader' }, { endStream: true });
    });
    await expect(connection.call('/a/B', Buffer.alloc(0))).rejects.toThrow(/14: no leader/);
  });

  it('rejects when it is late, and when the server is gone', async () => {
    const connection = await serve(() => undefined);
    await expect(connection.call('/a/B', Buffer.alloc(0), 50)).rejects.toThrow();
    const gone = await serve((stream) => stream.session?.destroy());
    await expect(gone.call('/a/B', Buffer.alloc(0))).rejects.toThrow();
    expect(gone.isOpen).toBe(false);
  });
});

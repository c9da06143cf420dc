import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Connection, Engine, ServedApplication } from '../../../transport/quic/index.js';
import { handler, openEngine } from './engines.js';
import { WITHIN } from '../../waiting.js';

const ACCEPT = { isAccepted: true } as const;
const IGNORING = { onStream: () => handler(), onStreamsAvailable: () => undefined };

interface Served {
  readonly application: ServedApplication;
  readonly connections: Connection[];
  readonly certificatePem: string;
}

function serve(engine: Engine, protocols: readonly string[]): Served {
  const connections: Connection[] = [];
  const { privateKeyPem, certificatePem } = createIdentity();
  const application = engine.serve({
    protocols,
    privateKeyPem,
    certificatePem,
    onConnection: (connection) => {
      connections.push(connection);
      connection.setHandler(IGNORING);
    },
  });
  return { application, connections, certificatePem };
}

/** Connects with these protocols; returns the certificate that was shown in PEM, and the protocol. */
async function reach(
  engine: Engine,
  protocols: readonly string[],
): Promise<{ readonly shown: string; readonly protocol: string }> {
  let shown = '';
  const client = await openEngine({ protocols });
  const connection = await client.connect({
    host: '127.0.0.1',
    port: engine.port,
    ...WITHIN,
    authenticate: (certificate) => {
      shown = Buffer.from(certificate ?? []).toString('base64');
      return ACCEPT;
    },
    onOpen: (opened) => opened.setHandler(IGNORING),
  });
  return { shown, protocol: connection.protocol };
}

function bodyOf(pem: string): string {
  return pem.replaceAll(/-----[^-]+-----|\n/g, '');
}

describe('an engine with another application on its port', () => {
  it('shows each peer the certificate of the application that speaks its protocol', async () => {
    const own = createIdentity();
    const engine = await openEngine({ ...own, protocols: ['node/2', 'node/1'] });
    const web = serve(engine, ['h3']);
    expect(await reach(engine, ['h3'])).toEqual({
      shown: bodyOf(web.certificatePem),
      protocol: 'h3',
    });
    expect(await reach(engine, ['node/1'])).toEqual({
      shown: bodyOf(own.certificatePem),
      protocol: 'node/1',
    });
    expect(web.connections).toHaveLength(1);
    expect(web.connections[0]?.peerCertificate).toHaveLength(0);
    expect(web.connections[0]?.protocol).toBe('h3');
  });

  it('speaks the protocol that the dialling side likes best of those that both know', async () => {
    const engine = await openEngine({ protocols: ['node/2', 'node/1'] });
    expect((await reach(engine, ['node/1', 'node/2'])).protocol).toBe('node/1');
    expect((await reach(engine, ['node/2', 'node/1'])).protocol).toBe('node/2');
    expect((await reach(engine, ['node/3', 'node/2'])).protocol).toBe('node/2');
  });

  it('refuses a protocol that nobody speaks, and says so', async () => {
    const engine = await openEngine({ protocols: ['node/2'] });
    serve(engine, ['h3']);
    await expect(reach(engine, ['smtp'])).rejects.toMatchObject({
      code: 'handshake-failed',
      message: expect.stringContaining('no common application protocol') as string,
    });
  });

  it('shows another certificate after it was changed', async () => {
    const engine = await openEngine();
    const web = serve(engine, ['h3']);
    const next = createIdentity();
    web.application.setCertificate(next.privateKeyPem, next.certificatePem);
    expect((await reach(engine, ['h3'])).shown).toBe(bodyOf(next.certificatePem));
  });

  it('takes no more connections for one that was stopped', async () => {
    const engine = await openEngine({ protocols: ['node/2'] });
    serve(engine, ['h3']).application.stop();
    await expect(reach(engine, ['h3'])).rejects.toMatchObject({ code: 'handshake-failed' });
    expect((await reach(engine, ['node/2'])).protocol).toBe('node/2');
  });

  it('serves no protocol twice, and none that is not named', async () => {
    const engine = await openEngine({ protocols: ['node/2'] });
    serve(engine, ['h3']);
    for (const protocols of [['h3'], ['node/2'], []]) {
      expect(() => serve(engine, protocols)).toThrow(
        expect.objectContaining({ code: 'bad-option' }),
      );
    }
  });

  it('does not take a key that is none', async () => {
    const engine = await openEngine();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() =>
      engine.serve({
        protocols: ['h3'],
        privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        certificatePem: 'nonsense',
        onConnection: () => undefined,
      }),
    ).toThrow(expect.objectContaining({ code: 'bad-option' }));
  });
});

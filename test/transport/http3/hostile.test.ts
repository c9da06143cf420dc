import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HTTP3_CODES, serveHttp3, type Http3ErrorCode } from '../../../transport/http3/index.js';
import type { Connection } from '../../../transport/quic/index.js';
import { handler } from '../quic/engines.js';
import { fuzz } from '../seed.js';
import { dial } from './pair.js';

const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const IGNORE = { onStream: () => handler(), onStreamsAvailable: () => undefined };
/** A control stream with empty SETTINGS, and what follows. */
const control = (rest: string): string => `00 0400 ${rest}`;
/** HEADERS of `GET /` to `a` (static table, and one literal). */
const GET = '0108 0000 d1 d7 c1 50 01 61';

/** A bare connection of QUIC to a server of HTTP/3. */
async function bare(): Promise<Connection> {
  const { client } = await dial(
    (quic) => serveHttp3(quic, { handler: () => ({ status: 200, fields: [] }) }),
    (quic) => quic.setHandler(IGNORE),
  );
  return client;
}

/** Each: the bytes of streams (`uni` or `bidi`, `.` at the end: and its end), and the code. */
const CASES: readonly (readonly [
  what: string,
  streams: readonly string[],
  code: Http3ErrorCode,
])[] = [
  ['a control stream without SETTINGS', ['uni 00 0700'], 'missing-settings'],
  ['SETTINGS twice', [`uni ${control('0400')}`], 'frame-unexpected'],
  ['DATA on the control stream', [`uni ${control('0000')}`], 'frame-unexpected'],
  ['a frame of HTTP/2 on the control stream', [`uni ${control('0600')}`], 'frame-unexpected'],
  ['CANCEL_PUSH', [`uni ${control('030100')}`], 'id-error'],
  [
    'a second control stream',
    [`uni ${control('')}`, `uni ${control('')}`],
    'stream-creation-error',
  ],
  ['a push stream from a client', ['uni 01 00'], 'stream-creation-error'],
  ['the end of the control stream', [`uni ${control('')} .`], 'closed-critical-stream'],
  ['the end of the encoder stream', ['uni 02 .'], 'closed-critical-stream'],
  ['the end of the decoder stream', ['uni 03 .'], 'closed-critical-stream'],
  ['SETTINGS of HTTP/2', ['uni 00 0402 0300'], 'settings-error'],
  ['SETTINGS longer than allowed', ['uni 00 04 8000ffff'], 'frame-error'],
  ['MAX_PUSH_ID with two integers', [`uni ${control('0d020000')}`], 'frame-error'],
  ['DATA before HEADERS', ['bidi 000161'], 'frame-unexpected'],
  ['SETTINGS on a request', ['bidi 0400'], 'frame-unexpected'],
  ['PUSH_PROMISE of a client', ['bidi 0500'], 'frame-unexpected'],
  ['a frame of HTTP/2 on a request', ['bidi 0900'], 'frame-unexpected'],
  ['HEADERS after trailers', [`bidi ${GET} 01020000 01020000`], 'frame-unexpected'],
  ['HEADERS longer than allowed', ['bidi 01 8000ffff'], 'excessive-load'],
  ['an end inside a frame', [`bidi ${GET} 0005 61 .`], 'frame-error'],
  ['a section that is nonsense', ['bidi 0103 0000 ff'], 'qpack-decompression-failed'],
  ['an instruction that is nonsense', ['uni 02 00'], 'qpack-encoder-stream-error'],
  ['an answer to nothing', ['uni 03 80'], 'qpack-decoder-stream-error'],
];

function send(client: Connection, text: string): void {
  const [kind, ...rest] = text.split(' ');
  const isFinal = rest.at(-1) === '.';
  const stream =
    kind === 'uni' ? client.openUnidirectional(handler()) : client.openBidirectional(handler());
  stream?.write(bytes(rest.filter((part) => part !== '.').join('')), isFinal);
}

describe('a peer that sends', () => {
  it.each(CASES)('%s is told so, and the connection is over', async (_what, streams, code) => {
    const client = await bare();
    for (const stream of streams) send(client, stream);
    expect(await client.closed).toMatchObject({
      kind: 'application',
      code: HTTP3_CODES[code],
      local: false,
    });
  });

  it('unknown frames, streams and settings is served', async () => {
    const client = await bare();
    send(client, `uni ${control('21 03 616263').replace('0400', '0403 407f05')}`);
    send(client, 'uni 21 616263 .');
    send(client, 'uni 40');
    let answer = '';
    const stream = client.openBidirectional(
      handler({ onData: (part) => (answer += Buffer.from(part).toString('hex')) }),
    );
    const isOver = new Promise<void>((resolve) => {
      const interval = setInterval(() => {
        if (answer === '') return;
        clearInterval(interval);
        resolve();
      }, 5);
    });
    stream?.write(bytes(`2103616263 ${GET} 40ff00`), true);
    await isOver;
    // HEADERS with status 200 of the static table.
    expect(answer).toBe('01030000d9');
    expect(client.isOpen).toBe(true);
  });

  it('a request without its end, or a malformed one, loses that stream only', async () => {
    const client = await bare();
    const codes: number[] = [];
    for (const text of ['2100', '0103 0000 d1', '0103 0000 d9']) {
      await new Promise<void>((resolve) => {
        const stream = client.openBidirectional(
          handler({
            onReset: (code) => {
              codes.push(code);
              resolve();
            },
          }),
        );
        stream?.write(bytes(text), true);
      });
    }
    expect(codes).toEqual([
      HTTP3_CODES['request-incomplete'],
      HTTP3_CODES['message-error'],
      HTTP3_CODES['message-error'],
    ]);
    expect(client.isOpen).toBe(true);
  });

  it('any bytes on any streams never stops the server', async () => {
    const known = new Set<number>(Object.values(HTTP3_CODES));
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(GET, '0400', '000161', '4041', '4054', '21').map(bytes),
    );
    const stream = fc.record({
      isUni: fc.boolean(),
      pieces: fc.array(piece, { minLength: 1, maxLength: 4 }),
      end: fc.constantFrom('none', 'final', 'reset'),
    });
    let client = await bare();
    let servers = 1;
    await fuzz(
      fc.asyncProperty(fc.array(stream, { maxLength: 6 }), async (streams) => {
        if (!client.isOpen) {
          expect(known).toContain((await client.closed).code);
          client = await bare();
          servers += 1;
        }
        for (const { isUni, pieces, end } of streams) {
          const opened = isUni
            ? client.openUnidirectional(handler())
            : client.openBidirectional(handler());
          for (const [at, each] of pieces.entries()) {
            opened?.write(each, end === 'final' && at === pieces.length - 1);
          }
          if (end === 'reset') opened?.reset(7);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }),
      150,
    );
    expect(servers).toBeGreaterThan(1);
  });
});

import { describe, expect, it } from 'vitest';
import {
  complianceCases,
  complianceGroups,
  runComplianceCase,
  type Capability,
} from '../../../transport/quic/compliance/index.js';
import {
  openQuicheEngine,
  type Engine,
  type EngineOptions,
} from '../../../transport/quic/index.js';
import { createMemoryNetwork } from '../../../transport/quic/memory/memory-network.js';

interface Candidate {
  readonly open: () => (options: EngineOptions) => Promise<Engine>;
  /** What is not built. Remove the name here when it is. */
  readonly lacks: readonly Capability[];
  /** Sentences that the engine does not keep, each a bug. Remove the line with the bug. */
  readonly breaks: readonly string[];
}

const candidates: Readonly<Record<string, Candidate>> = {
  memory: { open: () => createMemoryNetwork().openMemoryEngine, lacks: [], breaks: [] },
  quiche: {
    open: () => openQuicheEngine,
    lacks: [],
    breaks: [
      // Taken as it is; the handshakes fail later.
      'a certificate that is none is refused with `bad-option`',
      'a certificate with the key of another is refused with `bad-option`',
      // Rejects with what the signal holds.
      '`connect` is cancelled by its signal, before and while it waits',
      // Rejects with `handshake-failed` (QUIC error 12).
      '`close` of an engine may be called twice, and rejects what connects',
      // `onConnectionClosed` is called inside `close`, also from inside `onData`.
      'no handler is called before `close` of its connection has returned',
      'a handler may close its connection inside `onData`',
      // Such ids are used up here and never heard of there; then `write` throws StreamLimit.
      'streams that are reset before anything was written give their places back',
      // quiche gives room when less than half of its window (48 KB, growing) is left, and what paused
      // streams hold counts as left: the connection stands still for ever. The first now and then.
      'a stream that is paused holds up no other',
      'streams that are paused and hold most of the window of the connection leave the rest to others',
      // Each packet makes the loop write again, quiche says DATA_BLOCKED again, and so on.
      'a connection whose window is full is quiet until the peer reads',
      // Queues are refilled in the order in which they came to be, whatever their priority.
      'a more urgent stream ends before one that was written earlier and is less urgent',
      'equal streams that are incremental take turns',
      'streams take turns until a priority is set',
      // A stream that has not ended is reset with `stop`, and the peer is told code 0.
      '`stop` on a stream that this side opened tells the peer its code, also when nothing is sent',
      'what is written after the peer stopped the stream is dropped without an error',
      '`stop` frees a peer that is held up, which is not told that its queue was drained',
      '`stop` ends one direction: what this side sends on the stream goes on, much or little',
      '`stop` twice, or after the end, changes nothing',
      '`reset` and then `stop` tell the peer both',
      // Cut inside a character, which becomes U+FFFD and more bytes.
      'a reason of more than 512 bytes is cut at a whole character',
      // Only what was written with an end is waited for, and only when the peer has ended as well.
      '`close` delivers also what was written to streams that have not ended',
      '`close` delivers what a stream holds for a peer that is slow, as it reads',
      '`close` of an early connection delivers what was written, taken early or not',
      // The dialling side chooses.
      'of the protocols that both sides name the one counts that the dialled side likes best',
      // BoringSSL makes and takes tickets under a key of its own.
      'without ticket keys nobody can resume',
      // Empty and false until the handshake is over.
      'the dialled side knows protocol, peer and that it is resumed from the start, early or not',
      // Now and then: rejects while the peer has not given another connection id yet.
      'a connection can move as soon as it is established',
      // Aborts the process.
      'a code of `close` that is no integer from 0 to 2^32 - 1 is an assertion',
    ],
  },
};

describe.each(Object.entries(candidates))('the %s engine', (_name, { open, lacks, breaks }) => {
  for (const [group, cases] of Object.entries(complianceGroups)) {
    describe(`(${group})`, () => {
      for (const each of cases) {
        if (each.needs !== undefined && lacks.includes(each.needs)) continue;
        if (breaks.includes(each.name)) continue;
        it(each.name, async () => {
          await runComplianceCase(each, { openEngine: open() });
        });
      }
    });
  }
});

describe('the compliance suite', () => {
  const names = complianceCases.map(({ name }) => name);

  it('has no two cases of one name', () => {
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(Object.entries(candidates))('has the cases that %s breaks', (_name, { breaks }) => {
    expect(breaks.filter((name) => !names.includes(name))).toEqual([]);
  });
});

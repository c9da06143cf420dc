import { describe, expect, it } from 'vitest';

import { judgeFailure } from '../../../src/client/failure.js';
import { chooseMember } from '../../../src/client/route.js';
import type { Candidate } from '../../../src/client/route.js';
import type { RpcErrorCode } from '../../../transport/rpc/rpc.js';
import { RpcError } from '../../../transport/rpc/rpc.js';

function candidate(peerId: string, state: 'open' | 'avoided' | 'suspect' | 'closed'): Candidate {
  return {
    peerId,
    healthy: state === 'open' || state === 'avoided',
    connected: state !== 'closed',
    avoided: state === 'avoided',
  };
}

describe('the choice of a member', () => {
  const rows: readonly [string, Candidate[], string | undefined, string[], string | undefined][] = [
    ['nobody', [], undefined, [], undefined],
    ['the preferred one', [candidate('a', 'open'), candidate('b', 'open')], 'b', [], 'b'],
    [
      'not the preferred one twice',
      [candidate('a', 'open'), candidate('b', 'open')],
      'b',
      ['b'],
      'a',
    ],
    [
      'a healthy one before a preferred suspect',
      [candidate('a', 'open'), candidate('b', 'suspect')],
      'b',
      [],
      'a',
    ],
    [
      'a healthy one before an avoided one',
      [candidate('a', 'avoided'), candidate('b', 'open')],
      'a',
      [],
      'b',
    ],
    [
      'an avoided one before a suspect',
      [candidate('a', 'suspect'), candidate('b', 'avoided')],
      'a',
      [],
      'b',
    ],
    [
      'a suspect before nobody',
      [candidate('a', 'suspect'), candidate('b', 'closed')],
      undefined,
      [],
      'a',
    ],
    ['nobody when all were tried', [candidate('a', 'open')], 'a', ['a'], undefined],
  ];
  for (const [name, candidates, preferred, tried, expected] of rows) {
    it(name, () => {
      const choice = { preferred, tried: new Set(tried), turn: 1 };
      expect(chooseMember(candidates, choice)?.peerId).toBe(expected);
    });
  }

  it('takes turns', () => {
    const candidates = ['a', 'b', 'c'].map((peerId) => candidate(peerId, 'open'));
    const chosen = [0, 1, 2, 3].map(
      (turn) => chooseMember(candidates, { preferred: undefined, tried: new Set(), turn })?.peerId,
    );
    expect(chosen).toEqual(['a', 'b', 'c', 'a']);
  });
});

describe('the verdict on a failure', () => {
  // code: [retry, uncertain, suspect]
  const table: Record<RpcErrorCode, readonly [boolean, boolean, boolean]> = {
    unavailable: [true, true, true],
    'deadline-exceeded': [true, true, true],
    cancelled: [true, true, false],
    unauthenticated: [false, false, false],
    'permission-denied': [false, false, false],
    'unknown-method': [false, false, false],
    overloaded: [true, false, false],
    malformed: [false, false, false],
    refused: [false, false, false],
    'too-early': [true, false, false],
    internal: [false, false, false],
  };
  for (const [code, expected] of Object.entries(table)) {
    it(code, () => {
      const verdict = judgeFailure(new RpcError(code as RpcErrorCode, 'x'));
      expect([verdict.retry, verdict.uncertain, verdict.suspect]).toEqual(expected);
    });
  }

  it('only a deposed or stopping node leaves a refused write in doubt', () => {
    const uncertain = ['not-leader', 'no-leader', 'leader-changed', 'stopping', 'cordoned'].filter(
      (reason) => judgeFailure(new RpcError('refused', 'x', { reason })).uncertain,
    );
    expect(uncertain).toEqual(['leader-changed', 'stopping']);
  });

  it('a failure that is none of the transport is final', () => {
    expect(judgeFailure(new Error('x')).retry).toBe(false);
  });
});

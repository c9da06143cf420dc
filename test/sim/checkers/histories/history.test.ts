import { describe, expect, it } from 'vitest';
import { EdnKeyword, EdnMap, readEdn } from '../../../../sim/checkers/histories/edn.js';
import { checkHistory, readHistory } from '../../../../sim/checkers/histories/history.js';

describe('readEdn', () => {
  it('reads the values that histories are made of', () => {
    const [first, second] = readEdn('nil ; a comment\n [1 -2.5, true "a\\n\\"b" #{3} (4 #_5 6)]');
    expect(first).toBeNull();
    expect(second).toEqual([1, -2.5, true, 'a\n"b', [3], [4, 6]]);
  });

  it('reads maps by keyword and ignores tags', () => {
    const [map] = readEdn('#jepsen.history.Op{:type :ok, :value #inst "2020", "text" 7}');
    expect(map).toBeInstanceOf(EdnMap);
    expect((map as EdnMap).get('type')).toEqual(new EdnKeyword('ok'));
    expect((map as EdnMap).get('value')).toBe('2020');
    expect((map as EdnMap).get('absent')).toBeUndefined();
  });

  it.each([
    ['[1 2', 1, 'the text ends before ]'],
    ['\n{:a}', 2, 'a map has a key without a value'],
    ['"abc', 1, 'a string has no end'],
    ['1 )', 1, 'unexpected ")"'],
    ['#_', 1, 'a dropped form is missing'],
    ['['.repeat(100), 1, 'collections are nested too deeply'],
  ])('names the line of what is wrong in %j', (text, line, what) => {
    expect(() => readEdn(text)).toThrow(`line ${line}: ${what}`);
  });
});

const log = (rows: readonly string[]): string =>
  rows.map((row) => `INFO  jepsen.util - ${row.replaceAll(' :', '\t:')}`).join('\n');

const appendThenGet = (seen: string): string =>
  '{:process 0, :type :invoke, :f :append, :key "7", :value "x 0 y"}\n' +
  '{:process 0, :type :ok, :f :append, :key "7", :value "x 0 y"}\n' +
  '{:process 1, :type :invoke, :f :get, :key "7", :value nil}\n' +
  `{:process 1, :type :ok, :f :get, :key "7", :value "${seen}"}\n`;

describe('readHistory', () => {
  it('reads the log of a Jepsen run', () => {
    const history = readHistory(
      log([
        '0 :invoke :write\t3',
        '1 :invoke :cas\t[3 4]',
        '0 :ok :write\t3',
        '1 :fail :cas\t[3 4]',
        '2 :invoke :read\tnil',
        '3 :invoke :write\t5',
        '3 :info :write\t:timed-out',
        '2 :ok :read\t3',
        '4 :invoke :read\tnil',
        '4 :fail :read\t:timed-out',
        '5 :invoke :cas\t[1 2]',
      ]),
    );
    expect(history.operations).toEqual([
      row('0', 0, 2, { kind: 'write', value: 3 }, null),
      row('1', 1, 3, { kind: 'compare-and-set', from: 3, to: 4 }, false),
      row('2', 4, 7, { kind: 'read' }, 3),
      row('3', 5, null, { kind: 'write', value: 5 }, null),
      row('5', 10, null, { kind: 'compare-and-set', from: 1, to: 2 }, null),
    ]);
  });

  it('takes a failed compare-and-set of a register in EDN as one that did not happen', () => {
    const history = readHistory(
      '[{:process 1, :type :invoke, :f :cas, :value [0 1]}\n' +
        ' {:process :nemesis, :type :info, :f :start}\n' +
        ' {:process 1, :type :fail, :f :cas, :value [0 1]}\n' +
        ' {:process 2, :type :invoke, :f :read, :value nil}\n' +
        ' {:process 2, :type :ok, :f :read, :value nil}]',
    );
    expect(history.operations).toEqual([row('2', 2, 3, { kind: 'read' }, null)]);
  });

  it('reads a row of maps with keys as a key-value store, and judges it', () => {
    const history = readHistory(appendThenGet('x 0 y'));
    expect(history.model).toBe('key-value');
    expect(history.operations[1]).toEqual({
      ...row('1', 2, 3, { kind: 'get' }, 'x 0 y'),
      key: '"7"',
    });
    expect(checkHistory(history).verdict).toBe('linearizable');
    expect(checkHistory(readHistory(appendThenGet(''))).verdict).toBe('not-linearizable');
  });

  it.each([
    ['', 'no operation'],
    ['[]', 'no operation'],
    ['hello world', 'consists of maps'],
    ['{:process 0, :type :invoke, :f :enqueue, :value 1}', 'no operation of a register'],
    ['{:process 0, :type :begin, :f :read}', 'has no :type'],
  ])('refuses %j', (text, what) => {
    expect(() => readHistory(text)).toThrow(what);
  });
});

function row(
  client: string,
  callMicroseconds: number,
  returnMicroseconds: number | null,
  input: unknown,
  output: unknown,
): object {
  return { client, key: '', callMicroseconds, returnMicroseconds, input, output };
}

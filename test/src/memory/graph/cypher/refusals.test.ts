/** What is no query, or not of the subset: a sentence with the place, never a crash or a hang. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readQuery } from '../../../../../src/memory/graph/cypher/read-query.js';
import { GraphError } from '../../../../../src/memory/graph/index.js';
import { QUERY_CHARACTERS_MAX } from '../../../../../src/memory/graph/limits.js';
import { seed } from '../../support.js';
import { MapStore } from '../support.js';
import { usedMs } from '../../../../waiting.js';

const { graph } = new MapStore(['a', 'b'], [['a', 'R', 'b', 0.5]]);
const many = (count: number, text: string): string => text.repeat(count);

describe('a query is refused', () => {
  it.each([
    ['', 'syntax', 'line 1, column 1: expected MATCH (a query begins with it), but the query ends'],
    ['RETURN 1', 'syntax', 'expected MATCH (a query begins with it), but there is "RETURN"'],
    ['MATCH (a) RETURN', 'syntax', 'line 1, column 17: expected an expression, but the query ends'],
    ['MATCH (a)\nRETURN a.id b', 'syntax', 'line 2, column 13: expected the end of the query'],
    ['MATCH a RETURN a', 'syntax', 'column 7: expected ( (begins a node pattern)'],
    ['MATCH (a RETURN a', 'syntax', 'expected ) (closes the node pattern)'],
    ['MATCH (a)-[r]>(b) RETURN a', 'syntax', 'expected - (ends a relationship pattern)'],
    ['MATCH (a)-[r RETURN a', 'syntax', 'expected ] (closes the relationship pattern)'],
    ['MATCH (a) WHERE a.id = "x RETURN a', 'syntax', 'closing quote is missing'],
    ['MATCH (a) WHERE a.id = "\\q" RETURN a', 'syntax', '\\q is no escape'],
    ['MATCH (`a) RETURN a', 'syntax', 'the name in backticks does not end'],
    ['MATCH (``) RETURN 1', 'syntax', 'a name in backticks is empty'],
    ['MATCH (a) WHERE a.id = $ RETURN a', 'syntax', 'after $ comes the name'],
    ['MATCH (a) WHERE a.x = 1e999 RETURN a', 'syntax', 'the number 1e999 is too large'],
    ['MATCH (a) WHERE a.x ? 1 RETURN a', 'syntax', '"?" has no meaning here'],
    ['MATCH (a) RETURN a.id AS x, a.content AS x', 'syntax', 'two columns are called x'],
    ['MATCH () RETURN *', 'syntax', 'RETURN * finds no variable'],
    [
      'MATCH (match) RETURN 1',
      'syntax',
      'expected ) (closes the node pattern), but there is "match"',
    ],
    ['MATCH (a) WHERE a.x IS 7 RETURN a', 'syntax', 'expected NULL'],
    ['MATCH (a) RETURN a.id LIMIT', 'syntax', 'expected an expression'],
    ['CREATE (a) RETURN a', 'unsupported', 'column 1: not supported: CREATE; a query is one MATCH'],
    ['OPTIONAL MATCH (a) RETURN a', 'unsupported', 'OPTIONAL'],
    ['MATCH (a) DETACH DELETE a', 'unsupported', 'DETACH'],
    ['MATCH (a) SET a.x = 1', 'unsupported', 'SET'],
    ['MATCH (a) WITH a RETURN a', 'unsupported', 'WITH'],
    ['MATCH (a) MATCH (b) RETURN a', 'unsupported', 'a second MATCH; a query is one'],
    ['MATCH (a) RETURN a UNION MATCH (b) RETURN b', 'unsupported', 'UNION'],
    ['CALL db.labels()', 'unsupported', 'CALL'],
    [
      'MATCH (a:Person) RETURN a',
      'unsupported',
      'column 9: not supported: labels: memories have none',
    ],
    ['MATCH (a) WHERE a:Person RETURN a', 'unsupported', 'labels'],
    ['MATCH p = (a)-->(b) RETURN p', 'unsupported', 'named paths'],
    ['MATCH shortestPath((a)-[*]-(b)) RETURN a', 'unsupported', 'shortestPath()'],
    ['MATCH (a)-[*]->(b) RETURN a', 'unsupported', 'a length without an upper bound; write *1..N'],
    ['MATCH (a)-[*2..]->(b) RETURN a', 'unsupported', 'a length without an upper bound'],
    ['MATCH (a)-[r {weight: 1}]->(b) RETURN a', 'unsupported', 'write WHERE r.weight'],
    ['MATCH (a $map) RETURN a', 'unsupported', 'a parameter in place of a property map'],
    ['MATCH (a WHERE a.x) RETURN a', 'unsupported', 'WHERE inside of a pattern'],
    ['MATCH (a)-[:R&S]->(b) RETURN a', 'unsupported', '& between relations'],
    ['MATCH (a)-[r]->(b)-[r]->(c) RETURN a', 'unsupported', 'r stands for a relationship and for'],
    ['MATCH (a)-[a]->(b) RETURN a', 'unsupported', 'a stands for a relationship and for'],
    ['MATCH (a) WHERE (a)-->() RETURN a', 'unsupported', 'patterns as conditions'],
    ['MATCH (a) WHERE exists(a.x) RETURN a', 'unsupported', 'EXISTS'],
    ['MATCH (a) RETURN CASE WHEN true THEN 1 END', 'unsupported', 'CASE expressions'],
    ['MATCH (a) RETURN a.x / 2', 'unsupported', 'the operator /; there are +, - and *'],
    ['MATCH (a) WHERE a.id =~ "x" RETURN a', 'unsupported', 'regular expressions'],
    ['MATCH (a) WHERE 1 < a.x < 3 RETURN a', 'unsupported', 'write a < b AND b < c'],
    ['MATCH (a) RETURN a.tags[0]', 'unsupported', 'index or key in brackets'],
    ['MATCH (a) RETURN [x IN a.tags | x]', 'unsupported', 'list comprehensions'],
    ['MATCH (a) RETURN {x: 1}', 'unsupported', 'maps outside of a node pattern'],
    ['MATCH (a) RETURN a {.id}', 'unsupported', 'map projections'],
    ['MATCH (a) RETURN labels(a)', 'unsupported', 'labels(); there are id, type'],
    ['MATCH (a) RETURN constructor(a)', 'unsupported', 'constructor()'],
    ['MATCH (a) WHERE count(*) > 1 RETURN a', 'unsupported', 'count() here, only in RETURN'],
    ['MATCH (a) RETURN a.x + count(*)', 'unsupported', 'a variable beside an aggregate'],
    ['MATCH (a) RETURN sum(count(*))', 'unsupported', 'count() here, only in RETURN'],
    ['MATCH (a) WHERE [1] < [2] RETURN a', 'unsupported', 'an order of lists'],
    ['MATCH (a) WHERE b.x = 1 RETURN a', 'invalid', 'column 17: there is no variable b here'],
    ['MATCH (a) RETURN DISTINCT a.id ORDER BY a.x', 'invalid', 'there is no variable a here'],
    ['MATCH (a) RETURN a.id AS x ORDER BY y', 'invalid', 'there is no variable y here'],
    ['MATCH (a) WHERE a.id = $id RETURN a', 'invalid', 'the parameter $id was not given'],
    [
      'MATCH (a) WHERE a.id RETURN a',
      'invalid',
      'a condition wants true, false or null, not a text',
    ],
    ['MATCH (a) WHERE NOT 7 RETURN a', 'invalid', 'NOT wants true, false or null, not a number'],
    ['MATCH (a) WHERE a.id.x = 1 RETURN a', 'invalid', 'a text has no property x'],
    ['MATCH (a) WHERE 1 IN a.id RETURN a', 'invalid', 'IN wants a list, not a text'],
    ['MATCH (a) RETURN -a.id', 'invalid', '- cannot be applied to a text'],
    ['MATCH (a) RETURN 1 + a.id', 'invalid', '+ cannot be applied to a text'],
    ['MATCH (a) RETURN 1e308 * 10', 'invalid', 'the number overflows'],
    ['MATCH (a) RETURN type(a)', 'invalid', 'type() cannot be applied to a node'],
    ['MATCH (a) RETURN type(a, a)', 'invalid', 'type() takes 1 argument'],
    ['MATCH (a) RETURN sum(a.id)', 'invalid', 'sum() cannot add a text'],
    ['MATCH (a) RETURN a LIMIT -1', 'invalid', 'LIMIT wants a whole number of at least 0, not -1'],
    [
      'MATCH (a) RETURN a SKIP "x"',
      'invalid',
      'SKIP wants a whole number of at least 0, not a text',
    ],
    ['MATCH (a)-[*1..65]->(b) RETURN a', 'limit', 'a variable length goes up to 64, not 65'],
    [`MATCH (a) RETURN ${many(70, '(')}1${many(70, ')')}`, 'limit', 'nested at most 64 deep'],
    [`MATCH (a) WHERE ${many(70, 'NOT ')}true RETURN a`, 'limit', 'nested at most 64 deep'],
    [`MATCH (a) RETURN ${many(70, '- ')}1`, 'limit', 'nested at most 64 deep'],
    [`MATCH ${many(33, '(),').slice(0, -1)} RETURN 1`, 'limit', 'at most 32 node patterns'],
    [
      `MATCH (a) RETURN ${Array.from({ length: 65 }, (_, at) => `${at}`).join()}`,
      'limit',
      '64 columns',
    ],
    [`MATCH (a) RETURN '${many(QUERY_CHARACTERS_MAX, 'x')}'`, 'limit', 'at most 16384 characters'],
  ])('%s', async (text, code, message) => {
    const refused: unknown = await graph.query(text).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(refused).toBeInstanceOf(GraphError);
  });

  it.each([
    [7, /must be a text/],
    [undefined, /must be a text/],
  ])('when it is %s', async (text, message) => {
    await expect(graph.query(text as never)).rejects.toThrow(message);
  });

  it.each([
    [{ x: Number.NaN }],
    [{ x: 1n }],
    [{ x: new Date() }],
    [{ x: undefined }],
    [['a']],
    [null],
    [Object.fromEntries(Array.from({ length: 257 }, (_, at) => [`p${at}`, 1]))],
    [{ x: 'x'.repeat(1_000_001) }],
  ])('with parameters that are not those of JSON, or too many: case %#', async (parameters) => {
    const asked = graph.query('MATCH (a) RETURN a', { parameters: parameters as never });
    await expect(asked).rejects.toThrow(/parameters/);
  });
});

/** Pieces that a query is made of, and some that none is made of. */
const piece = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...'MATCH,WHERE,RETURN,AND,OR,XOR,NOT,IN,IS,NULL,STARTS WITH,CONTAINS,ORDER BY,DESC,SKIP,LIMIT,AS,DISTINCT'.split(
        ',',
      ),
      ...'(a),(b {id: "a"}),-[r]->,<-[:R*1..2]-,--,-[*0..3]-,(,),[,],{,},a,b,r,.id,.weight,type(r),count(*),$x,*'.split(
        ',',
      ),
      "'a'",
      '"',
      "'",
      '`',
      '1',
      '0.5',
      '..',
      '=',
      '<',
      '>',
      '<>',
      '+',
      '-',
      '|',
      ':',
      ';',
      '/*',
      '//',
      '\\',
      '\n',
      ',',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
);
const whole = [
  'MATCH (a)-[r:R*1..3]->(b) WHERE a.id = $x AND NOT b.kind IN [1, null] RETURN a.id AS x, count(*) ORDER BY x SKIP 0 LIMIT 5',
  "MATCH (a {id: 'a'})-[r]-(b), (c) WHERE r.weight >= 0.5 OR c.content STARTS WITH 'c' RETURN DISTINCT a, type(r), b.id",
];
const text = fc.oneof(
  fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(' ')),
  fc
    .array(piece, { maxLength: 12 })
    .map((pieces) => `MATCH (a)-[r]->(b) WHERE ${pieces.join(' ')} RETURN a`),
  fc
    .tuple(fc.constantFrom(...whole), fc.nat(), fc.nat(6), fc.oneof(fc.constant(''), piece))
    .map(([query, at, cut, put]) => {
      const place = at % query.length;
      return query.slice(0, place) + put + query.slice(place + cut);
    }),
);

describe('any text', () => {
  it('is answered, or refused with a sentence, soon', async () => {
    let answered = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(text, async (query) => {
        const startedMs = usedMs();
        try {
          const bounds = { expansionsMax: 10_000 };
          await graph.query(query, { parameters: { x: 'a' }, bounds });
          answered += 1;
        } catch (error) {
          refused += 1;
          expect(error, query).toBeInstanceOf(GraphError);
          expect((error as GraphError).message.length, query).toBeLessThan(400);
          // Parsing alone gives the same refusal a second time.
          if ((error as GraphError).code === 'syntax')
            expect(() => readQuery(query)).toThrow(GraphError);
        }
        expect(usedMs() - startedMs, query).toBeLessThan(2_000);
      }),
      { seed: seed(), numRuns: 10_000 },
    );
    console.log(`${answered} texts were answered, ${refused} refused`);
    expect(answered).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(1_000);
  });

  it('of the greatest length takes no longer than its length', () => {
    const fill = (unit: string): string =>
      unit.repeat(Math.floor((QUERY_CHARACTERS_MAX - 60) / unit.length));
    for (const query of [
      `MATCH (a) WHERE true${fill(' AND a.x=1')} RETURN a`,
      `MATCH (a) RETURN 1${fill('+1')}`,
      `MATCH (a) RETURN a${fill('.x')}`,
      `MATCH (a) RETURN [1${fill(',1')}]`,
      `MATCH (a)${fill('/* */ ')} RETURN a`,
      fill('/*'),
      fill('('),
      fill("'"),
    ]) {
      const startedMs = usedMs();
      try {
        readQuery(query);
      } catch (error) {
        expect(error).toBeInstanceOf(GraphError);
      }
      expect(usedMs() - startedMs, query.slice(0, 40)).toBeLessThan(2_000);
    }
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkedArguments, type ObjectSchema } from '../../../src/mcp/arguments.js';
import { catalogueOf } from '../../../src/mcp/index.js';

const schema: ObjectSchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    kind: { type: 'string', enum: ['a', 'b'] },
    part: { type: 'number', minimum: 0, maximum: 1 },
    above: { type: 'number', exclusiveMinimum: 0 },
    k: { type: 'number', default: 5 },
    is: { type: 'boolean' },
    tags: { type: 'array', items: { type: 'string' } },
    any: { type: 'array' },
    free: { type: 'object' },
    inner: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] },
  },
  required: ['name'],
};
const strict: ObjectSchema = { ...schema, additionalProperties: false };

describe('arguments', () => {
  it('are copied, with defaults and without what is unknown', () => {
    const given = { name: 'n', other: 1, free: { a: [1, { b: null }] }, tags: ['t'] };
    expect(checkedArguments(schema, given)).toEqual({
      name: 'n',
      k: 5,
      free: { a: [1, { b: null }] },
      tags: ['t'],
    });
    expect(checkedArguments(schema, { name: 'n', is: null, k: 0 })).toEqual({ name: 'n', k: 0 });
  });

  it.each([
    [undefined, '"name" is missing'],
    [null, '"name" is missing'],
    ['text', 'must be an object, not "text"'],
    [[], 'must be an object, not a list'],
    [{ name: 5 }, '"name" must be a text, not 5'],
    [{ name: null }, '"name" must be a text, not null'],
    [{ name: 'n', kind: 'c' }, '"kind" must be one of a, b, not "c"'],
    [{ name: 'n', part: 1.1 }, '"part" must be at most 1, not 1.1'],
    [{ name: 'n', part: -1 }, '"part" must be at least 0, not -1'],
    [{ name: 'n', part: NaN }, '"part" must be a number'],
    [{ name: 'n', part: '1' }, '"part" must be a number, not "1"'],
    [{ name: 'n', above: 0 }, '"above" must be more than 0'],
    [{ name: 'n', is: 'true' }, '"is" must be true or false'],
    [{ name: 'n', tags: 'a' }, '"tags" must be a list'],
    [{ name: 'n', tags: ['a', 1] }, '"tags[1]" must be a text, not 1'],
    [{ name: 'n', free: [] }, '"free" must be an object'],
    [{ name: 'n', inner: {} }, '"inner.x" is missing'],
    [{ name: 'n'.repeat(1_000_001) }, 'at most 1000000 are taken'],
    [{ name: 'a\0b' }, 'NUL'],
    [{ name: '\ud800' }, 'half a surrogate pair'],
    [{ name: 'n', any: Array.from({ length: 1001 }, () => 1) }, 'has 1001 values'],
  ])('that are wrong are told where: %#', (given, sentence) => {
    expect(() => checkedArguments(schema, given)).toThrow(sentence);
  });

  it('that are unknown are named where none may be', () => {
    expect(() => checkedArguments(strict, { name: 'n', nmae: 1 })).toThrow(
      'may not have "nmae"; known are: name, kind',
    );
  });

  it('do not reach the prototypes of objects', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const given = JSON.parse(`{"name":"n","free":{"a":{"${key}":{"polluted":1}}}}`) as unknown;
      expect(() => checkedArguments(schema, given)).toThrow(key);
      const top = JSON.parse(`{"name":"n","${key}":{"polluted":1}}`) as unknown;
      expect(() => checkedArguments(schema, top)).toThrow(key);
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('are bounded in depth and size, as a whole', () => {
    let deep: unknown = 1;
    for (let at = 0; at < 1000; at += 1) deep = [deep];
    expect(() => checkedArguments(schema, { name: 'n', any: deep })).toThrow('deeper than 32');
    const long = Array.from({ length: 5 }, () => 'x'.repeat(1_000_000));
    expect(() => checkedArguments(schema, { name: 'n', any: long })).toThrow('more than 4000000');
  });
});

describe('the catalogue', () => {
  const { offered, missing } = catalogueOf();

  it('has every tool of v1 once, offered or with a reason', () => {
    expect(offered.size + missing.size).toBe(15 + 29 + 90 - 5);
    for (const { reason } of missing.values()) expect(reason.length).toBeGreaterThan(20);
    expect([...offered.keys()].filter((name) => missing.has(name))).toEqual([]);
  });

  it("offers all of agentdb's, and those of agentic-flow that run no agents or models", () => {
    expect(catalogueOf(['agentdb'])).toMatchObject({ offered: { size: 29 }, missing: { size: 0 } });
    const own = catalogueOf(['agentic-flow']);
    expect([...own.missing.keys()]).toEqual(['agentic_flow_agent', 'agentic_flow_optimize_model']);
    expect(own.offered.size).toBe(13);
  });

  it('has schemas without choices at the top, which clients do not know', () => {
    for (const { inputSchema } of offered.values()) {
      expect(inputSchema.type).toBe('object');
      expect(Object.keys(inputSchema)).not.toContain('anyOf');
    }
  });

  it('is what docs/mcp.md says', () => {
    const page = readFileSync('docs/mcp.md', 'utf8');
    expect(page).toContain(`${offered.size} tools: 13 of`);
    expect(page).toContain(`prints all ${missing.size}.`);
    const named = [...offered.keys()].filter((name) => !page.includes(`\`${name}\``));
    expect(named).toEqual([]);
    const others = [...missing.values()].filter(({ name }) => !page.includes(`\`${name}\``));
    expect(page).toContain(`the other ${others.length} of claude-flow`);
    for (const { reason } of others) expect(reason).toContain('did nothing but answer');
  });

  it('refuses what no form of a tool takes', () => {
    const tool = offered.get('agentdb_pattern_store')!;
    expect(() => tool.prepare({})).toThrow('fit neither form');
    expect(() => tool.prepare({ taskType: 't', approach: 'a', successRate: 1 })).not.toThrow();
    expect(() => tool.prepare(JSON.parse('{"__proto__": {}}'))).toThrow('__proto__');
  });
});

/** Every tool that is offered, by the official client over a real process: what it does, and after a restart. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogueOf } from '../../../src/mcp/index.js';
import { testLearningTools } from './learning-tools.js';
import { testMemoryTools } from './memory-tools.js';
import { testProjectTools } from './project-tools.js';
import { type Called, connect, type Connection, json, temporaryProject } from './support.js';

const { directory, remove } = temporaryProject();
let server: Connection;
const called = new Set<string>();

async function call(name: string, args: Record<string, unknown> = {}): Promise<Called> {
  called.add(name);
  return server.call(name, args);
}

/** The answer of a call that must succeed. */
async function ok(name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { text, isError } = await call(name, args);
  expect(isError, text).toBe(false);
  return text;
}

async function restart(): Promise<void> {
  await server.close();
  server = await connect(directory);
}

beforeAll(async () => {
  server = await connect(directory);
});

afterAll(async () => {
  await server.close();
  remove();
});

const caller = { call, ok, restart, directory };
testMemoryTools(caller);
testLearningTools(caller);
testProjectTools(caller);

describe('after a restart', () => {
  it('all of it is still there', async () => {
    await restart();
    const failures = await ok('reflexion_retrieve', { task: 'deployment', only_failures: true });
    expect(failures).toContain('Deploy the service');
    expect(await ok('skill_search', { task: 'network' })).toContain('retry');
    expect(await ok('causal_query', { cause: 'tests' })).toContain('Found 1');
    expect(await ok('agentdb_pattern_stats', {})).toContain('Total Patterns: 2');
    expect(await ok('learning_explain', { query: 'run npm test' })).toContain('passed');
    expect(await ok('learning_metrics', { group_by: 'session' })).toContain('Count: 6');
    const predicted = await ok('neural_patterns', {
      action: 'predict',
      operation: 'Friday release',
    });
    expect(json(predicted)).toMatchObject({ prediction: { outcome: 'good', based_on: 3 } });
    const templates = json(await ok('workflow_template', { action: 'list' }));
    expect(templates).toMatchObject({ templates: [{ name: 'release' }] });
    const writers = json(await ok('daa_capability_match', { task_requirements: ['docs'] }));
    expect(writers).toMatchObject({ totalCandidates: 1 });
    const analytics = json(await ok('memory_analytics'));
    expect(analytics).toMatchObject({
      namespaces: {
        'agentdb/recall_certificates': 1,
        'claude-flow/daa_allocations': 1,
        'claude-flow/daa_messages': 1,
      },
    });
  });
});

describe('all tools', () => {
  it('were called above', () => {
    expect([...called].sort()).toEqual([...catalogueOf().offered.keys()].sort());
  });

  it('are listed with the schemas of v1', async () => {
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual([...called].sort());
    const search = tools.find(({ name }) => name === 'agentdb_search');
    expect(search?.inputSchema).toMatchObject({
      required: ['query'],
      properties: { k: { default: 10 } },
    });
  });
});

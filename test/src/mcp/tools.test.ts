/** Every tool that is offered, by the official client over a real process: what it does, and after a restart. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogueOf } from '../../../src/mcp/index.js';
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

function found(text: string, pattern: RegExp): string {
  const [, value] = pattern.exec(text) ?? [];
  expect(value, `${String(pattern)} in ${text}`).toBeDefined();
  return value!;
}

describe('episodes', () => {
  it('are inserted, found by meaning, and there after a restart', async () => {
    await ok('agentdb_init');
    const inserted = await ok('agentdb_insert', {
      text: 'Repair the login form',
      tags: ['web', 'auth'],
      session_id: 's1',
      metadata: { ticket: 7 },
    });
    expect(found(inserted, /ID: (\d+)/)).toBe('1');
    const batch = await ok('agentdb_insert_batch', {
      items: [{ text: 'Bake bread with rye flour', session_id: 's2' }, { text: 'Sail a boat' }],
      batch_size: 1,
    });
    expect(batch).toContain('Inserted: 2 vectors');
    await restart();
    const near = await ok('agentdb_search', { query: 'authentication page is broken', k: 2 });
    expect(found(near, /1\. \[ID: (\d+)\]/)).toBe('1');
    const tagged = await ok('agentdb_search', { query: 'anything', filters: { tags: ['auth'] } });
    expect(tagged).toContain('Found: 1 results');
    const session = await ok('agentdb_search', { query: 'any', filters: { session_id: 's2' } });
    expect(session).toContain('Bake bread');
    expect(session).not.toContain('Sail');
  });

  it('are deleted by id, by session and by time', async () => {
    expect(await ok('agentdb_delete', { id: 1 })).toContain('Deleted: 1');
    expect(await ok('agentdb_delete', { id: 1 })).toContain('Deleted: 0');
    expect(await ok('agentdb_delete', { filters: { session_id: 's2' } })).toContain('Deleted: 1');
    const before = { before_timestamp: Math.floor(Date.now() / 1000) - 3600 };
    expect(await ok('agentdb_delete', { filters: before })).toContain('Deleted: 0');
    const after = { before_timestamp: Math.floor(Date.now() / 1000) + 3600 };
    expect(await ok('agentdb_delete', { filters: after })).toContain('Deleted: 1');
    expect(await ok('agentdb_search', { query: 'Sail a boat' })).toContain('Found: 0');
    expect((await call('agentdb_delete', {})).isError).toBe(true);
    expect((await call('agentdb_delete', { filters: {} })).isError).toBe(true);
    expect((await call('agentdb_init', { reset: true })).isError).toBe(true);
  });

  it('carry reward, success and critique', async () => {
    const stored = await ok('reflexion_store', {
      session_id: 'r',
      task: 'Deploy the service',
      reward: 0.1,
      success: false,
      critique: 'The migration of the database was forgotten',
      latency_ms: 12,
      tokens: 34,
    });
    expect(stored).toMatch(/^✅ Stored episode #\d+\nTask: Deploy the service\nReward: 0\.1/);
    await ok('reflexion_store', {
      session_id: 'r',
      task: 'Deploy again',
      reward: 0.9,
      success: true,
    });
    const failures = await ok('reflexion_retrieve', { task: 'deployment', only_failures: true });
    expect(failures).toContain('Retrieved 1 episodes');
    expect(failures).toContain('Reward: 0.10');
    const good = await ok('reflexion_retrieve', { task: 'deployment', min_reward: 0.5 });
    expect(good).toContain('Deploy again');
    expect(good).not.toContain('Deploy the service');
    const successes = await ok('reflexion_retrieve', {
      task: 'deploy',
      only_successes: true,
      k: 1,
    });
    expect(successes).toContain('Deploy again');
  });
});

describe('skills and causes', () => {
  it('are kept and found', async () => {
    const made = await ok('skill_create', {
      name: 'retry',
      description: 'Try a request again with growing pauses',
      code: 'for (;;) {}',
      success_rate: 0.8,
    });
    expect(made).toBe('✅ Created skill #1: retry');
    await ok('skill_create', {
      name: 'guess',
      description: 'Try a request once',
      success_rate: 0.2,
    });
    const skills = await ok('skill_search', { task: 'network calls fail', min_success_rate: 0.5 });
    expect(skills).toContain('Found 1 skills');
    expect(skills).toContain(
      '1. retry\n   Try a request again with growing pauses\n   Success: 80.0%',
    );
    await ok('causal_add_edge', { cause: 'tests', effect: 'quality', uplift: 0.4, sample_size: 9 });
    await ok('causal_add_edge', { cause: 'haste', effect: 'quality', uplift: -0.3 });
    const causes = await ok('causal_query', { effect: 'quality' });
    expect(causes).toContain('Found 1 causal edges');
    expect(causes).toContain('1. tests → quality\n   Uplift: 0.400 (confidence: 0.95)');
    const all = await ok('causal_query', { min_uplift: -1, limit: 1 });
    expect(all).toContain('Found 2 causal edges');
    expect(all).not.toContain('2. haste');
  });

  it('are discovered in the history of sessions', async () => {
    const items: [string, string, number][] = [];
    for (let at = 0; at < 6; at += 1) {
      items.push([`with-${at}`, 'write a plan', 0.9], [`with-${at}`, 'build it', 0.9]);
      items.push([`without-${at}`, 'build it', 0.2]);
    }
    for (const [session_id, task, reward] of items) {
      await ok('reflexion_store', { session_id, task, reward, success: reward > 0.5 });
    }
    const dry = await ok('learner_discover', { dry_run: true });
    expect(dry).toContain('write a plan → build it\n   Uplift: 0.700 (n=6');
    expect(await ok('causal_query', { cause: 'write a plan' })).toContain('Found 0');
    await ok('learner_discover', {});
    expect(await ok('causal_query', { cause: 'write a plan' })).toContain('Found 1');
    expect(await ok('learner_discover', {})).toContain('0 stored');
  });
});

describe('recall', () => {
  it('certifies what it returns', async () => {
    const { text, structured } = await call('recall_with_certificate', { query: 'build it', k: 3 });
    const id = found(text, /Certificate ID: ([0-9a-f]{64})/);
    const certificate = structured?.['certificate'] as Record<string, unknown>;
    expect(certificate).toMatchObject({ id, query_text: 'build it' });
    expect(certificate['chunk_ids']).toHaveLength(3);
    expect(certificate['source_hashes']).toHaveLength(3);
  });
});

describe('patterns', () => {
  it('of agentdb are stored, searched and counted', async () => {
    await ok('agentdb_pattern_store', {
      taskType: 'code_review',
      approach: 'Read the tests first, then the code',
      successRate: 0.9,
      tags: ['review'],
    });
    await ok('agentdb_pattern_store', { taskType: 'cooking', approach: 'Taste', successRate: 0.5 });
    const search = await ok('agentdb_pattern_search', {
      task: 'look over a change',
      threshold: 0.1,
      filters: { minSuccessRate: 0.8, tags: ['review', 'other'] },
    });
    expect(search).toContain('Found: 1 matching patterns');
    expect(search).toContain('[ID: 1] code_review');
    const stats = await ok('agentdb_pattern_stats', {});
    expect(stats).toContain('Total Patterns: 2');
    expect(stats).toContain('Avg Success Rate: 70.0%');
  });

  it('of agentic-flow are attempts', async () => {
    const stored = await ok('agentdb_pattern_store', {
      sessionId: 'a',
      task: 'Translate a poem',
      reward: 0.7,
      success: true,
      critique: 'Rhymes were lost',
    });
    expect(json(stored)).toMatchObject({
      success: true,
      sessionId: 'a',
      stored: true,
      reward: 0.7,
    });
    const search = await ok('agentdb_pattern_search', {
      task: 'translating verse',
      minReward: 0.6,
    });
    expect(String(json(search)['results'])).toContain('Translate a poem');
    const both = await ok('agentdb_pattern_search', { task: 'translating verse', k: 5 });
    expect(both).toContain('matching patterns');
    expect(both).toContain('Translate a poem');
    const stats = await ok('agentdb_pattern_stats', { task: 'translating verse', k: 1 });
    expect(json(stats)).toMatchObject({ analyzedPatterns: 1 });
    expect(stats).toContain('Rhymes were lost');
  });

  it('fit one of two forms', async () => {
    const { isError, text } = await call('agentdb_pattern_store', { taskType: 'x', task: 'y' });
    expect(isError).toBe(true);
    expect(text).toContain('as in agentic-flow');
    expect(text).toContain('as in agentdb');
  });
});

describe('statistics', () => {
  it('count what there is', async () => {
    expect(await ok('db_stats')).toMatch(/Episodes \(Vectors\): [1-9]\d*\nSkills: 2/);
    expect(await ok('agentdb_stats', { detailed: true })).toMatch(/Database Size: \d+\.\d\d MB/);
    expect(await ok('agentdb_clear_cache', {})).toContain('Cache cleared');
    expect(json(await ok('agentdb_clear_cache', { confirm: false }))).toMatchObject({
      success: false,
    });
    expect(json(await ok('agentdb_clear_cache', { confirm: true }))).toMatchObject({
      success: true,
    });
    expect(await ok('db_stats')).toContain('Skills: 2');
  });
});

describe('learning', () => {
  const config = { learning_rate: 0.5, discount_factor: 0.9, exploration_rate: 0 };
  let session = '';

  async function start(session_type: string): Promise<string> {
    const text = await ok('learning_start_session', { user_id: 'u', session_type, config });
    return found(text, /Session ID: (session-\S+)/);
  }

  it('learns what is better, and knows it after a restart', async () => {
    session = await start('q-learning');
    const early = await call('learning_predict', { session_id: session, state: 'build is red' });
    expect(early).toMatchObject({ isError: true });
    for (let at = 0; at < 3; at += 1) {
      const one = { session_id: session, state: 'build is red' };
      await ok('learning_feedback', { ...one, action: 'revert', reward: 1, success: true });
      await ok('learning_feedback', { ...one, action: 'ignore', reward: -1, success: false });
    }
    await restart();
    const same = await ok('learning_predict', { session_id: session, state: 'build is red' });
    expect(same).toContain('Recommended Action: revert\n');
    // 0.5, 0.75, 0.875: by half of what is missing to 1 each time.
    expect(same).toContain('Q-Value: 0.875');
    const near = await ok('learning_predict', {
      session_id: session,
      state: 'the build is failing',
    });
    expect(near).toContain('Recommended Action: revert\n');
    expect(near).toContain('nearest known state: build is red');
  });

  it('trains until the error is small', async () => {
    const text = await ok('learning_train', {
      session_id: session,
      epochs: 100,
      learning_rate: 0.3,
    });
    expect(text).toContain('Epochs: 100');
    expect(found(text, /Final Loss: ([\d.]+)/)).toBe('0.0000');
    const none = await call('learning_train', { session_id: await start('dqn') });
    expect(none).toMatchObject({ isError: true });
    const metrics = await ok('learning_metrics', { session_id: session, group_by: 'session' });
    expect(metrics).toContain('Total Episodes: 6');
    expect(metrics).toContain('Success Rate: 50.0%');
    expect(metrics).toContain('Reward Range: [-1.00, 1.00]');
    expect(metrics).toContain('Versions: 1');
  });

  it('hands on what it learnt', async () => {
    const other = await start('sarsa');
    const text = await ok('learning_transfer', { source_session: session, target_session: other });
    expect(text).toContain('Episodes: 6');
    const predicted = await ok('learning_predict', { session_id: other, state: 'build is red' });
    expect(predicted).toContain('Recommended Action: revert\n');
    const wrong = { source_session: session, target_session: other, transfer_type: 'causal_edges' };
    expect(await call('learning_transfer', wrong)).toMatchObject({ isError: true });
  });

  it('explains with what happened', async () => {
    await ok('experience_record', {
      session_id: 'tools',
      tool_name: 'bash',
      action: 'npm test',
      outcome: 'passed',
      reward: 0.8,
      success: true,
      latency_ms: 1200,
      state_after: { green: true },
    });
    const text = await ok('learning_explain', { query: 'run npm test', explain_depth: 'full' });
    expect(text).toMatch(/passed\n {3}• Confidence/);
    expect(text).toMatch(/reward=0\.80, similarity=\d/);
    expect(text).toContain('tests → quality');
    expect(await ok('learning_metrics', { session_id: 'tools' })).toContain('Avg Latency: 1200ms');
  });

  it('computes rewards as v1 did', async () => {
    expect(await ok('reward_signal', { success: true })).toContain('Final Reward: 0.900');
    const sparse = await ok('reward_signal', {
      success: true,
      target_achieved: false,
      reward_function: 'sparse',
    });
    expect(sparse).toContain('Final Reward: 0.000');
    expect(await call('reward_signal', { success: true, episode_id: 999999 })).toMatchObject({
      isError: true,
    });
  });

  it('ends', async () => {
    expect(await ok('learning_end_session', { session_id: session })).toContain('version 2');
    for (const [name, more] of [
      ['learning_end_session', {}],
      ['learning_predict', { state: 'x' }],
      ['learning_feedback', { state: 'x', action: 'y', reward: 1, success: true }],
    ] as const) {
      expect(await call(name, { session_id: session, ...more })).toMatchObject({ isError: true });
    }
  });
});

describe('agents', () => {
  it('are defined, listed and described', async () => {
    const made = await ok('agentic_flow_create_agent', {
      name: 'My Helper',
      description: 'Helps:\nwith all',
      systemPrompt: 'You help.',
      category: 'own',
      tools: ['bash', 'edit'],
    });
    expect(json(made)).toMatchObject({ success: true, name: 'my-helper', category: 'own' });
    const text = readFileSync(join(directory, '.claude/agents/own/my-helper.md'), 'utf8');
    expect(text).toContain('name: my-helper\ndescription: Helps: with all\ntools: bash, edit\n---');
    expect(await ok('agentic_flow_list_agents')).toContain('my-helper');
    const all = json(await ok('agentic_flow_list_all_agents', { format: 'json' }));
    expect(all).toMatchObject({ count: 1, agents: [{ name: 'my-helper', source: 'local' }] });
    const none = await ok('agentic_flow_list_all_agents', {
      filterSource: 'package',
      format: 'json',
    });
    expect(json(none)).toMatchObject({ count: 0 });
    expect(await ok('agentic_flow_agent_info', { name: 'MY-HELPER' })).toContain('You help.');
    expect(await ok('agentic_flow_check_conflicts')).toContain('No conflicts');
    mkdirSync(join(directory, '.claude/agents/b'));
    writeFileSync(join(directory, '.claude/agents/b/x.md'), text);
    expect(await ok('agentic_flow_check_conflicts')).toContain('own/my-helper.md');
    expect(await call('agentic_flow_agent_info', { name: 'nobody' })).toMatchObject({
      isError: true,
    });
    const again = { name: 'my-helper', description: 'd', systemPrompt: 's' };
    expect(await call('agentic_flow_create_agent', again)).toMatchObject({ isError: true });
    const outside = { ...again, name: '../../x', category: '../..' };
    expect(await call('agentic_flow_create_agent', outside)).toMatchObject({ isError: true });
  });
});

describe('edits', () => {
  const code =
    'import a from "a";\n\nfunction one() {\n  return 1;\n}\n\nfunction two() {\n  return 2;\n}\n';
  const edit = '// ... existing code ...\nfunction two() {\n  return 3;\n}\n';

  it('are made where they belong, or not at all', async () => {
    const path = join(directory, 'a.js');
    writeFileSync(path, code);
    const args = { target_filepath: 'a.js', instructions: 'change two', code_edit: edit };
    const dry = await ok('agent_booster_edit_file', { ...args, dryRun: true });
    expect(json(dry)).toMatchObject({ dryRun: true, result: code.replace('return 2', 'return 3') });
    expect(readFileSync(path, 'utf8')).toBe(code);
    expect(json(await ok('agent_booster_edit_file', args))).toMatchObject({ success: true });
    expect(readFileSync(path, 'utf8')).toBe(code.replace('return 2', 'return 3'));
    const lost = { ...args, code_edit: 'function three() {\n  return 3;\n}' };
    expect(await call('agent_booster_edit_file', lost)).toMatchObject({ isError: true });
    for (const target_filepath of ['../a.js', '/etc/hosts', 'none.js', '.git/config']) {
      expect(await call('agent_booster_edit_file', { ...args, target_filepath })).toMatchObject({
        isError: true,
      });
    }
  });

  it('are made in several files', async () => {
    writeFileSync(join(directory, 'b.js'), code);
    const edits = [
      { target_filepath: 'b.js', instructions: 'i', code_edit: edit },
      { target_filepath: 'missing.js', instructions: 'i', code_edit: edit },
    ];
    const batch = json(await ok('agent_booster_batch_edit', { edits }));
    expect(batch).toMatchObject({ total: 2, successful: 1, failed: 1 });
    expect(readFileSync(join(directory, 'b.js'), 'utf8')).toContain('return 3');
    const markdown =
      'Here:\n```js filepath=new/c.js instruction=add a file\nconst c = 1;\n```\n' +
      '```js filepath=b.js instruction=back\n// ... existing code ...\nfunction two() {\n  return 2;\n}\n```\n';
    const parsed = json(await ok('agent_booster_parse_markdown', { markdown }));
    expect(parsed).toMatchObject({ parsed_edits: 2, successful: 2 });
    expect(readFileSync(join(directory, 'new/c.js'), 'utf8')).toBe('const c = 1;\n');
    expect(readFileSync(join(directory, 'b.js'), 'utf8')).toBe(code);
  });
});

describe("claude-flow's records", () => {
  it('keep values by key', async () => {
    const value = JSON.stringify({ plan: [1, 2] });
    await ok('memory_usage', { action: 'store', key: 'plan', value, namespace: 'team' });
    await ok('memory_usage', {
      action: 'store',
      key: 'gone',
      value: 'x',
      namespace: 'team',
      ttl: 0.3,
    });
    const read = await ok('memory_usage', { action: 'retrieve', key: 'plan', namespace: 'team' });
    expect(json(read)).toMatchObject({ found: true, value: { plan: [1, 2] } });
    await new Promise((resolve) => setTimeout(resolve, 350));
    const gone = await ok('memory_usage', { action: 'retrieve', key: 'gone', namespace: 'team' });
    expect(json(gone)).toMatchObject({ found: false, value: null });
    const list = await ok('memory_usage', { action: 'list', namespace: 'team' });
    expect(json(list)).toMatchObject({ count: 1, entries: [{ key: 'plan' }] });
    const search = await ok('memory_usage', { action: 'search', value: 'PLAN', namespace: 'team' });
    expect(json(search)).toMatchObject({ count: 1 });
    const by = await ok('memory_search', { pattern: 'plan', namespace: 'team' });
    expect(json(by)).toMatchObject({ count: 1, results: [{ key: 'plan' }] });
    await ok('memory_usage', { action: 'delete', key: 'plan', namespace: 'team' });
    const empty = await ok('memory_usage', { action: 'list', namespace: 'team' });
    expect(json(empty)).toMatchObject({ count: 0 });
    const foreign = { action: 'store', key: '1', value: 'x', namespace: 'agentdb/episodes' };
    expect(await call('memory_usage', foreign)).toMatchObject({ isError: true });
  });

  it('keep workflows', async () => {
    const made = json(
      await ok('workflow_create', { name: 'ship', steps: ['test', { name: 'push' }] }),
    );
    const workflowId = String(made['workflowId']);
    const exported = json(await ok('workflow_export', { workflowId }));
    expect(json(String(exported['data']))).toMatchObject({ steps: ['test', { name: 'push' }] });
    const yaml = json(await ok('workflow_export', { workflowId, format: 'yaml' }));
    expect(String(yaml['data'])).toContain('name: ship');
    expect(await call('workflow_export', { workflowId: 'none' })).toMatchObject({ isError: true });
    await ok('workflow_template', { action: 'create', template: { name: 'release' } });
    const templates = json(await ok('workflow_template', { action: 'list' }));
    expect(templates).toMatchObject({ templates: [{ name: 'release' }] });
    expect(await call('workflow_template', { action: 'run' })).toMatchObject({ isError: true });
  });

  it('keep agents, what is allotted to them, and messages', async () => {
    const made = json(
      await ok('daa_agent_create', {
        agent_type: 'coder',
        capabilities: ['typescript', 'testing'],
      }),
    );
    const agentId = String(made['agentId']);
    const other = json(
      await ok('daa_agent_create', { agent_type: 'writer', capabilities: ['docs'] }),
    );
    const match = json(
      await ok('daa_capability_match', { task_requirements: ['TypeScript', 'sql'] }),
    );
    expect(match).toMatchObject({ totalCandidates: 1, bestMatch: { agentId, score: 0.5 } });
    const agents = [agentId, String(other['agentId'])];
    const allotted = await ok('daa_resource_alloc', { resources: { cpu: 5 }, agents });
    expect(json(allotted)).toMatchObject({ allocation: { allocated: { [agentId]: { cpu: 2 } } } });
    const sent = await ok('daa_communication', {
      from: agentId,
      to: agents[1],
      message: { hi: 1 },
    });
    expect(json(sent)).toMatchObject({ recorded: true, delivered: false });
    const nobody = { from: agentId, to: 'nobody', message: {} };
    expect(await call('daa_communication', nobody)).toMatchObject({ isError: true });
    const stop = await ok('daa_lifecycle_manage', { agentId, action: 'stop' });
    expect(json(stop)).toMatchObject({ previousStatus: 'active', currentStatus: 'stopped' });
    const none = json(await ok('daa_capability_match', { task_requirements: ['typescript'] }));
    expect(none).toMatchObject({ totalCandidates: 0, bestMatch: null });
    const odd = { agentId, action: 'constructor' };
    expect(await call('daa_lifecycle_manage', odd)).toMatchObject({ isError: true });
  });

  it('keep outcomes', async () => {
    const none = { action: 'predict', operation: 'release' };
    expect(await call('neural_patterns', none)).toMatchObject({ isError: true });
    for (const outcome of ['good', 'good', 'bad']) {
      await ok('neural_patterns', { action: 'learn', operation: 'release on Friday', outcome });
    }
    const predicted = await ok('neural_patterns', {
      action: 'predict',
      operation: 'Friday release',
    });
    expect(json(predicted)).toMatchObject({ prediction: { outcome: 'good', based_on: 3 } });
    expect(json(await ok('neural_patterns', { action: 'analyze' }))).toMatchObject({
      total_patterns: 3,
      operations: { 'release on Friday': 3 },
    });
  });

  it('report what was measured', async () => {
    await ok('db_stats');
    const report = json(await ok('performance_report', { format: 'detailed' }))['report'];
    expect(report).toMatchObject({
      tools: expect.arrayContaining([expect.objectContaining({ tool: 'db_stats' })]),
    });
    expect(json(await ok('bottleneck_analyze', { component: 'store' }))).toMatchObject({
      analysis: { component: 'store' },
    });
    expect(json(await ok('memory_analytics'))).toMatchObject({
      namespaces: { 'agentdb/skills': 2 },
      store: { records: expect.any(Number) },
    });
  });
});

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

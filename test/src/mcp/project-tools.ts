/** What the tools for agents, edits and records do. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Caller, json } from './support.js';

export function testProjectTools({ call, ok, directory }: Caller): void {
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
      expect(text).toContain(
        'name: my-helper\ndescription: Helps: with all\ntools: bash, edit\n---',
      );
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
      expect(json(dry)).toMatchObject({
        dryRun: true,
        result: code.replace('return 2', 'return 3'),
      });
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
      const search = await ok('memory_usage', {
        action: 'search',
        value: 'PLAN',
        namespace: 'team',
      });
      expect(json(search)).toMatchObject({ count: 1 });
      const by = await ok('memory_search', { pattern: 'plan', namespace: 'team' });
      expect(json(by)).toMatchObject({ count: 1, results: [{ key: 'plan' }] });
      await ok('memory_usage', { action: 'delete', key: 'plan', namespace: 'team' });
      const empty = await ok('memory_usage', { action: 'list', namespace: 'team' });
      expect(json(empty)).toMatchObject({ count: 0 });
      const listed = { action: 'list', namespace: 'default' };
      await ok('memory_usage', { action: 'store', key: 'd', value: '1' });
      const [entry] = json(await ok('memory_usage', listed))['entries'] as object[];
      expect(entry).toMatchObject({ key: 'd', value: 1, metadata: { storedBy: 'mcp-server' } });
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
      expect(await call('workflow_export', { workflowId: 'none' })).toMatchObject({
        isError: true,
      });
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
      expect(json(allotted)).toMatchObject({
        allocation: { allocated: { [agentId]: { cpu: 2 } } },
      });
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
}

/** Definitions of agents. The package brings none of its own yet; what v1's `init` copied is the project's. */
import { type AgentDefinition, agentsOf, definitionOf, kebab, newAgentPath } from '../agents.js';
import { jsonAnswer, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import { fileOf, writeProjectFile } from '../project-files.js';
import * as value from '../values.js';

const PREVIEW_LINES = 20;

function listing(agents: readonly AgentDefinition[], isDetailed: boolean): string {
  const lines: string[] = ['📦 Available Agents:'];
  for (const category of [...new Set(agents.map((agent) => agent.category))].sort()) {
    lines.push('', `${category.toUpperCase()}:`);
    const own = agents.filter((agent) => agent.category === category);
    for (const { name, description, path } of own.sort((a, b) => a.name.localeCompare(b.name))) {
      if (isDetailed)
        lines.push(`  📝 ${name}`, `     ${description}`, `     Source: local (${path})`);
      else lines.push(`  📝 ${name.padEnd(30)} ${value.shortened(description, 45)}`);
    }
  }
  lines.push(
    '',
    `📊 Total: ${agents.length} agents`,
    `   📝 Local: ${agents.length}`,
    '   📦 Package: 0',
  );
  return lines.join('\n');
}

export const agentTools: Tools = {
  agentic_flow_list_agents: async (_args, { project }) => {
    const agents = await agentsOf(project.directory);
    return jsonAnswer({ success: true, agents: listing(agents, false) });
  },

  agentic_flow_list_all_agents: async (args, { project }) => {
    const filterSource = value.text(args, 'filterSource', 'all');
    const format = value.text(args, 'format', 'summary');
    const agents = filterSource === 'package' ? [] : await agentsOf(project.directory);
    if (format !== 'json') {
      const output = listing(agents, format === 'detailed');
      return jsonAnswer({ success: true, filterSource, output });
    }
    const found = agents.map(({ name, description, category, path }) => {
      return { name, description, category, source: 'local', path };
    });
    return jsonAnswer({ success: true, count: found.length, filterSource, agents: found });
  },

  agentic_flow_agent_info: async (args, { project }) => {
    const name = value.nameText(args, 'name');
    const agents = await agentsOf(project.directory);
    const agent = agents.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (agent === undefined) {
      throw new ToolError(`Agent "${name}" not found; agentic_flow_list_agents lists all`);
    }
    const lines = agent.text.split(/\r?\n/);
    const preview = lines.slice(0, PREVIEW_LINES).join('\n');
    return jsonAnswer({
      success: true,
      agent: name,
      output:
        `📋 Agent Information\nName:        ${agent.name}\nDescription: ${agent.description}\n` +
        `Category:    ${agent.category}\nSource:      📝 Local\nPath:        ${agent.path}\n\n` +
        `Preview:\n${preview}${lines.length > PREVIEW_LINES ? '\n...' : ''}`,
    });
  },

  agentic_flow_create_agent: async (args, { project }) => {
    const name = kebab(value.nameText(args, 'name'));
    const category = kebab(value.nameText(args, 'category', 'custom'));
    if (name === '' || category === '') {
      throw new ToolError('name and category need letters a to z or digits');
    }
    const systemPrompt = value.text(args, 'systemPrompt');
    const description = value.text(args, 'description');
    if (systemPrompt.trim() === '' || description.trim() === '') {
      throw new ToolError('description and systemPrompt may not be empty');
    }
    const existing = await agentsOf(project.directory);
    const same = existing.find((agent) => agent.name.toLowerCase() === name);
    if (same !== undefined) {
      throw new ToolError(`an agent ${name} is defined already, in ${same.path}`);
    }
    const text = definitionOf({
      name,
      description,
      systemPrompt,
      tools: value.texts(args, 'tools'),
    });
    const file = await fileOf(project.directory, newAgentPath(category, name));
    await writeProjectFile(file, text, { isNew: true });
    return jsonAnswer({
      success: true,
      name,
      category,
      message: 'Agent created successfully',
      output: `✅ Agent created: ${file.name}`,
    });
  },

  agentic_flow_check_conflicts: async (_args, { project }) => {
    const agents = await agentsOf(project.directory);
    const paths = new Map<string, string[]>();
    for (const { name, path } of agents) {
      paths.set(name.toLowerCase(), [...(paths.get(name.toLowerCase()) ?? []), path]);
    }
    const twice = [...paths].filter(([, found]) => found.length > 1);
    const lines = twice.map(([name, found]) => `📁 ${name}: ${found.join(', ')}`);
    const output =
      twice.length === 0
        ? '✅ No conflicts found!'
        : `⚠️  Found ${twice.length} name(s) that are defined more than once:\n${lines.join('\n')}`;
    return jsonAnswer({ success: true, output });
  },
};

/** claude-flow's records of agents: what they can do, what was allotted to them, what was said to them. */
import type { JsonObject, JsonValue } from '../../memory/engine.js';
import type { MemoryStore } from '../../memory/index.js';
import { onStore, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import * as value from '../values.js';
import { allJson, done, getJson, newId, putJson } from './records.js';

const AGENTS = 'claude-flow/daa_agents';
const ALLOCATIONS = 'claude-flow/daa_allocations';
const MESSAGES = 'claude-flow/daa_messages';

/** What an action makes of an agent. */
const STATUS_AFTER: Readonly<Record<string, string>> = {
  start: 'active',
  stop: 'stopped',
  pause: 'paused',
  resume: 'active',
  terminate: 'terminated',
};

function matches(capability: string, requirement: string): boolean {
  const [a, b] = [capability.toLowerCase(), requirement.toLowerCase()];
  return a.includes(b) || b.includes(a);
}

function capabilitiesOf(agent: JsonObject): string[] {
  const { capabilities } = agent;
  return Array.isArray(capabilities) ? capabilities.filter((one) => typeof one === 'string') : [];
}

async function changeAgent(
  store: MemoryStore,
  id: string,
  change: JsonObject,
): Promise<{ before: JsonObject; after: JsonObject }> {
  const before = await getJson(store, AGENTS, id, 'Agent');
  const after = { ...before, ...change, lastActivity: new Date().toISOString() };
  await putJson(store, AGENTS, id, after);
  return { before, after };
}

export const daaTools: Tools = {
  daa_agent_create: onStore(async (args, store) => {
    const agentId = newId('daa_agent');
    const now = new Date().toISOString();
    const agent = {
      id: agentId,
      type: value.nameText(args, 'agent_type'),
      capabilities: value.texts(args, 'capabilities'),
      resources: value.object(args, 'resources'),
      status: 'active',
      created: now,
      lastActivity: now,
    };
    await putJson(store, AGENTS, agentId, agent);
    return done({ agentId, agent });
  }),

  daa_capability_match: onStore(async (args, store, { signal }) => {
    const requirements = value.texts(args, 'task_requirements').filter((one) => one !== '');
    const available = new Set(value.texts(args, 'available_agents'));
    const found = (await allJson(store, AGENTS, signal)).flatMap((agent) => {
      const id = value.storedText(agent['id']);
      if (agent['status'] !== 'active' || (available.size > 0 && !available.has(id))) return [];
      const capabilities = capabilitiesOf(agent);
      const met = requirements.filter((need) => capabilities.some((one) => matches(one, need)));
      if (met.length === 0) return [];
      const score = met.length / requirements.length;
      return [
        {
          agentId: id,
          agentType: agent['type'] ?? '',
          score,
          capabilities,
          matchedRequirements: met,
        },
      ];
    });
    found.sort((a, b) => b.score - a.score);
    return done({ matches: found, totalCandidates: found.length, bestMatch: found[0] ?? null });
  }),

  daa_resource_alloc: onStore(async (args, store, { project }) => {
    const resources = value.object(args, 'resources');
    const agents = value.texts(args, 'agents');
    if (agents.length === 0)
      throw new ToolError('"agents" is needed: the ids that share the resources');
    const share = shareOf(resources, agents.length);
    const allocationId = newId('alloc');
    const allocated = Object.fromEntries(agents.map((id): [string, JsonValue] => [id, share]));
    const allocation = { id: allocationId, resources, agents, allocated };
    await project.inTurn(AGENTS, async () => {
      const known = await Promise.all(agents.map((id) => getJson(store, AGENTS, id, 'Agent')));
      for (const [at, id] of agents.entries()) {
        const own = known[at]!['resources'];
        const before = value.isObject(own) ? (own as JsonObject) : {};
        await changeAgent(store, id, { resources: { ...before, ...share } });
      }
      await putJson(store, ALLOCATIONS, allocationId, allocation);
    });
    return done({ allocationId, allocation });
  }),

  daa_lifecycle_manage: onStore(async (args, store, { project }) => {
    const agentId = value.nameText(args, 'agentId');
    const action = value.text(args, 'action');
    const status = Object.hasOwn(STATUS_AFTER, action) ? STATUS_AFTER[action] : undefined;
    if (status === undefined) {
      const known = Object.keys(STATUS_AFTER).join(', ');
      throw new ToolError(`Unknown action: ${action}; there are ${known}`);
    }
    const { before } = await project.inTurn(AGENTS, async () => {
      const { status: was } = await getJson(store, AGENTS, agentId, 'Agent');
      if (was === 'terminated') throw new ToolError(`Agent ${agentId} is terminated`);
      return changeAgent(store, agentId, { status });
    });
    const message = `Agent ${status === 'active' ? (action === 'start' ? 'started' : 'resumed') : status}`;
    return done({
      message,
      agentId,
      previousStatus: before['status'] ?? '',
      currentStatus: status,
    });
  }),

  daa_communication: onStore(async (args, store) => {
    const [from, to] = [value.nameText(args, 'from'), value.nameText(args, 'to')];
    await getJson(store, AGENTS, from, 'Sender agent');
    await getJson(store, AGENTS, to, 'Receiver agent');
    const messageId = newId('msg');
    const message = value.object(args, 'message');
    const sent = new Date().toISOString();
    // Nobody reads them yet, so v1's `delivered: true` would not be so.
    await putJson(store, MESSAGES, messageId, { id: messageId, from, to, message, sent });
    return done({ messageId, from, to, recorded: true, delivered: false });
  }),
};

/** Equal parts; v1 rounded them down. */
function shareOf(resources: JsonObject, parts: number): JsonObject {
  const entries = Object.entries(resources).map(([kind, amount]): [string, number] => {
    if (typeof amount === 'number' && amount >= 0) return [kind, Math.floor(amount / parts)];
    throw new ToolError(`the amount of ${JSON.stringify(kind)} is no number from 0`);
  });
  return Object.fromEntries(entries);
}

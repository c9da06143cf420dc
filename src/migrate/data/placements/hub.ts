/** The database of a federation hub, schema F. */
import type { PlacementTable } from './placement.js';

export const HUB: PlacementTable = {
  episodes: [
    {
      kind: 'memory',
      columns: ['id', 'tenant_id', 'agent_id', 'task', 'vector_clock'],
      content: ['task', 'critique', 'input', 'output'],
      json: ['vector_clock'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  change_log: [
    {
      kind: 'memory',
      columns: ['id', 'tenant_id', 'operation', 'episode_id', 'vector_clock'],
      content: ['operation', 'agent_id', 'episode_id'],
      separator: ' ',
      json: ['vector_clock'],
      created: ['created_at'],
    },
  ],
  agents: [
    {
      kind: 'memory',
      columns: ['agent_id', 'tenant_id', 'connected_at'],
      content: ['tenant_id', 'agent_id'],
      separator: ' ',
      json: ['vector_clock'],
      created: ['connected_at'],
    },
  ],
};

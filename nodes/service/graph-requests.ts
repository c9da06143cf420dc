/** Shapes of what clients ask of the graph; the graph itself checks what is in the texts. */
import { z } from 'zod';

import type { JsonObject } from '../../src/memory/engine.js';
import { isJsonObject, jsonDepth } from '../wire/fields.js';
import {
  HOPS_MAX,
  ID_LENGTH_MAX,
  METADATA_DEPTH_MAX,
  PARAMETERS_LENGTH_MAX,
  QUERY_LENGTH_MAX,
  RELATION_LENGTH_MAX,
  RELATIONS_MAX,
  WALK_LIMIT_MAX,
} from '../wire/limits.js';

const id = z.string().min(1).max(ID_LENGTH_MAX);
const consistency = z.enum(['linearizable', 'local']).default('linearizable');
const hops = z.number().int().min(1).max(HOPS_MAX);

const walk = {
  consistency,
  direction: z.enum(['out', 'in', 'both']).default('out'),
  relations: z.array(z.string().min(1).max(RELATION_LENGTH_MAX)).max(RELATIONS_MAX).default([]),
};
const limited = { ...walk, limit: z.number().int().min(1).max(WALK_LIMIT_MAX).default(100) };

const parameters = z
  .custom<JsonObject>(isJsonObject, 'must be an object')
  .superRefine((value, context) => {
    if (jsonDepth(value, METADATA_DEPTH_MAX) > METADATA_DEPTH_MAX) {
      context.addIssue({ code: 'custom', message: `may be nested ${METADATA_DEPTH_MAX} deep` });
      return;
    }
    if (JSON.stringify(value).length > PARAMETERS_LENGTH_MAX) {
      context.addIssue({ code: 'custom', message: `may have ${PARAMETERS_LENGTH_MAX} characters` });
    }
  });

export const graphRequests = {
  neighbours: z.object({ id, ...limited }),
  hops: z.object({ id, ...limited, hops: hops.default(2) }),
  path: z.object({
    from: id,
    to: id,
    ...walk,
    hops: hops.default(HOPS_MAX),
    weighted: z.boolean().default(false),
  }),
  traverse: z.object({
    id,
    ...limited,
    decay: z.number().gt(0).max(1).default(0.8),
    scoreMin: z.number().min(0).max(1).default(0.01),
  }),
  query: z.object({
    text: z.string().min(1).max(QUERY_LENGTH_MAX),
    parameters: parameters.default({}),
    consistency,
  }),
};

/** The client of a swarm: connect, write, read, search, roll out. */

export type {
  Available,
  AvailableHit,
  AvailableMemory,
  AvailableRights,
  AvailableSearch,
  AvailableValue,
} from './available.js';
export { type Documents } from './documents.js';
export type { Member, SwarmHealth, SwarmStatus } from './answers.js';
export { ClientError } from './errors.js';
export type { GraphReads, LimitedWalk, NamedPath, Neighbour, Walk } from './graph-reads.js';
export type { ClientList, ClientSearch } from './memory-reads.js';
export type {
  EdgeEnds,
  InNamespace,
  MemoryName,
  NamedEdge,
  NamedHit,
  NamedMemory,
} from './names.js';
export type { ClientErrorCode } from './errors.js';
export type { RequestOptions } from './requests.js';
export { hasEnded } from './rollout-answers.js';
export type { Approvals, Rollout, RolloutPlan, RolloutStatus } from './rollout-answers.js';
export type {
  ApprovalChange,
  GuardOptions,
  MaintenanceWindow,
  RolloutChange,
  RolloutOptions,
  RolloutRequest,
} from './rollouts.js';
export type { ClientSettings } from './settings.js';
export type { MessageSchema, TopicDelivery, TopicSubscription } from './topic-subscription.js';
export type { Published, PublishOptions, SubscribeOptions, Topics } from './topics.js';
export { SwarmClient } from './swarm-client.js';
export type {
  ConnectOptions,
  Consistency,
  NewMemory,
  Read,
  ReadOptions,
  Served,
  Written,
} from './swarm-client.js';

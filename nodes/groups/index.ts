/** State machines of users, replicated by any number of Raft groups on one node. */
export { GroupError, type GroupErrorCode } from './error.js';
export type { GroupStatus, ReplicatedGroup, WaitOptions } from './group.js';
export { RaftHost } from './host.js';
export type { GroupOptions, HostOptions, HostStats } from './host-options.js';
export type { Command, StateMachine } from './state-machine.js';

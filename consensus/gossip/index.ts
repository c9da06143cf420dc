export { gossipConfig } from './config.js';
export type { GossipTuning, Signatures } from './config.js';
export type { GossipEffect, MemberView } from './effect.js';
export { GossipError } from './error.js';
export type { GossipInput } from './input.js';
export { METADATA_BYTES_MAX } from './limits.js';
export { Gossip } from './machine.js';
export type { MemberId, MemberStatus } from './types.js';

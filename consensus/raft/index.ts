export * from './types.js';
export * from './message.js';
export * from './input.js';
export * from './effect.js';
export * from './error.js';
export * from './status.js';
export * from './trace.js';
export {
  type RaftConfig,
  type RestoredState,
  checkRaftConfig,
  defaultRaftConfig,
  foundingState,
  joiningState,
} from './config.js';
export {
  type ChangeTransition,
  type ChangeType,
  type ConfChange,
  type ConfChangeSingle,
  LEAVE_JOINT,
  decodeConfChange,
  encodeConfChange,
} from './confchange/change.js';
export { RaftNode } from './node.js';
export { formatMark, parseMark } from './quiescence.js';
export {
  decodeEntry,
  decodeMessage,
  decodeSnapshotMeta,
  encodeEntry,
  encodeMessage,
  encodeSnapshotMeta,
} from './codec.js';
export {
  CHANGE_CONTEXT_BYTES_MAX,
  CONTEXT_BYTES_MAX,
  ENTRY_DATA_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  READS_PENDING_MAX,
} from './limits.js';

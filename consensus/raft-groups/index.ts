export {
  type EncodedEnvelope,
  type Envelope,
  type GroupId,
  type GroupMessage,
  decodeEnvelope,
  encodeEnvelopes,
} from './envelope.js';
export { GroupsError, type GroupsErrorCode } from './error.js';
export { type GroupReady, RaftGroups } from './groups.js';
export { ENVELOPE_BYTES_TARGET, GROUPS_MAX } from './limits.js';
export { Outbox } from './outbox.js';

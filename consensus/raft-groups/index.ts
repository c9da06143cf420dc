export {
  type EncodedEnvelope,
  type GroupId,
  type GroupMessage,
  decodeEnvelope,
  encodeEnvelopes,
} from './envelope.js';
export { GroupsError } from './error.js';
export { RaftGroups } from './groups.js';
export { ENVELOPE_BYTES_TARGET, GROUPS_MAX } from './limits.js';
export { Outbox } from './outbox.js';

/** Publish and subscribe among the members of a swarm: signed, judged before relay, bounded. */
export { TopicError, type TopicErrorCode } from './error.js';
export { topicPeerId, topicPeerIdOfKey, type KeyOwner } from './identity.js';
export type { Refusal } from './judge.js';
export type { MailboxOptions } from './mailbox.js';
export {
  openTopics,
  type Delivery,
  type PublishOptions,
  type Subscription,
  type TopicSchemas,
  type Topics,
  type TopicsOptions,
  type TopicsReport,
} from './topics.js';

export * from './types.js';
export * from './error.js';
export * from './effect.js';
export { type BftInput, BftNode } from './node.js';
export { type BftMessage, type OwnMessage } from './message.js';
export { isDecision } from './decision.js';
export { type TimeoutConfig, timeoutOf } from './timeouts.js';
export { ValidatorSet } from './validators.js';

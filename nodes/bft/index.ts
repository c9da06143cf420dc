/** Byzantine consensus for processes: validators that do not trust one another decide commands. */
export { type WireMessage, decodeMessages, encodeMessages } from '../../consensus/bft/index.js';
export type { ProposedChange, ValidatorChange } from './change.js';
export { ValidatorError, type ValidatorErrorCode } from './error.js';
export type { Genesis, GenesisValidator } from './genesis.js';
export type {
  DecidedHeight,
  EvidenceReport,
  Place,
  ShownCheckpoint,
  SnapshotOptions,
  ValidatorOptions,
  ValidatorStatus,
} from './options.js';
export {
  type Ask,
  type ForkCulprit,
  type ForkReport,
  type InvestigationOptions,
  investigateFork,
} from './investigation.js';
export { LightClient } from './light-client.js';
export type { Member } from './sets.js';
export { type PostQuantumKey, openPostQuantumKey } from './post-quantum.js';
export { type BlsKey, type ProvenBlsKey, openBlsKey } from './aggregates/bls.js';
export type { Fault, PeerCounts } from './peer-guard.js';
export { openValidator } from './open-validator.js';
export type { Validator } from './validator.js';
export { publicKeyOf } from '../gossip/signatures.js';

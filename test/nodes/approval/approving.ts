/** Members that sign by hand: every part of a certificate can be made wrong. */
import { createPrivateKey, sign } from 'node:crypto';

import { ByteWriter } from '../../../consensus/varint.js';
import {
  type OwnMessage,
  type SignedProposal,
  type SignedVote,
  encodeMessages,
  signedBytes,
} from '../../../consensus/bft/index.js';
import { approvalChain } from '../../../nodes/approval/chain.js';
import { type ApprovalValue, encodeValue, planDigest } from '../../../nodes/approval/value.js';
import { valueIdOf } from '../../../nodes/bft/batch.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { type ControlState, newControlState } from '../../../nodes/control-plane/state.js';
import { type PlanOptions, makePlan } from '../../../nodes/rollout/plan.js';
import { encode } from '../../../nodes/wire/fields.js';
import { type Identity, identityFromPrivateKey } from '../../../transport/identity/index.js';

export const SWARM = 'swarm-1';

/** The same identities in every run: keys are 32 equal bytes. */
export function fixedIdentities(count: number): Identity[] {
  return Array.from({ length: count }, (_, at) => {
    const pkcs8 = Buffer.concat([
      Buffer.from('302e020100300506032b657004220420', 'hex'),
      Buffer.alloc(32, at + 1),
    ]);
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    return identityFromPrivateKey(key.export({ type: 'pkcs8', format: 'pem' }).toString());
  });
}

/** A plan of the engine rollout for so many nodes. */
export function valueOf(nodes: number, options: PlanOptions = {}, after = 0): ApprovalValue {
  const members = Array.from({ length: nodes }, (_, at) => ({ nodeId: at + 1 }));
  const plan = makePlan(members, 1, { rollbackWindowMs: 0, ...options });
  return { swarmId: SWARM, after, digest: planDigest(plan), plan };
}

/** A batch with these commands, and nothing random in it. */
export function batchOf(datas: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(1);
  writer.varint(datas.length);
  for (const [at, data] of datas.entries()) {
    const command = new ByteWriter();
    command.raw(new Uint8Array(16).fill(at + 1));
    command.varint(128);
    command.raw(data);
    const bytes = command.done();
    writer.varint(bytes.length);
    writer.raw(bytes);
  }
  return writer.done();
}

/** What goes into a certificate; everything that is left out is as it should be. */
export interface Parts {
  readonly members: readonly Identity[];
  readonly value: ApprovalValue;
  /** Who precommits. */
  readonly voters?: readonly Identity[];
  /** Who signs in the name of whom; oneself. */
  readonly signer?: (voter: Identity) => Identity;
  readonly datas?: readonly Uint8Array[];
  readonly type?: 'prevote' | 'precommit';
  readonly chainAfter?: number;
  readonly chainSwarm?: string;
  readonly proposer?: string;
  readonly told?: readonly string[];
  readonly keys?: readonly Uint8Array[];
  /** What the votes are for. */
  readonly valueId?: string;
}

/** The bytes of a certificate of these parts. */
export function certificateOf(parts: Parts): Uint8Array {
  const { members, value, voters = members, signer = (one) => one, type = 'precommit' } = parts;
  const ids = members.map(({ peerId }) => peerId);
  const chain = approvalChain({
    swarmId: parts.chainSwarm ?? value.swarmId,
    after: parts.chainAfter ?? value.after,
    members: ids,
  });
  const identityOf = (id: string): Identity => members.find(({ peerId }) => peerId === id)!;
  const signed = (message: OwnMessage, by: Identity): Uint8Array =>
    sign(null, signedBytes(chain.digest, message), createPrivateKey(by.privateKeyPem));
  const batch = batchOf(parts.datas ?? [encodeValue(value)]);
  const from = parts.proposer ?? chain.validators.proposerOf(1, 0);
  const id = parts.valueId ?? valueIdOf(batch);
  const plain = { from, height: 1, round: 0, value: id, validRound: -1 };
  const proposal: SignedProposal = {
    ...plain,
    signature: signed({ type: 'proposal', proposal: plain }, identityOf(from)),
  };
  const certificate = voters.map((voter): SignedVote => {
    const vote = { type, from: voter.peerId, height: 1, round: 0, value: id };
    return { ...vote, signature: signed({ type: 'vote', vote }, signer(voter)) };
  });
  const record = encodeMessages([
    { type: 'decision', decision: { proposal, certificate } },
    { type: 'value', bytes: batch },
  ]);
  const told = parts.told ?? chain.validators.validators.map((one) => one.id);
  const keys = parts.keys ?? members.map((one) => new Uint8Array(publicKeyOf(one)));
  return encode([1, told, keys, record]);
}

/** The state of a swarm of the fixed identities, all of v1. */
export function stateOf(count: number): ControlState {
  const [founder, ...others] = fixedIdentities(count);
  const control = newControlState({
    swarmId: SWARM,
    joinTokenHash: '',
    clientTokenHash: '',
    swarmVersion: 1,
    peerId: founder!.peerId,
    host: 'h',
    port: 1,
  });
  const first = control.members.get(1)!;
  first.status = 'up';
  for (const [at, { peerId }] of others.entries()) {
    control.members.set(at + 2, { ...first, nodeId: at + 2, peerId });
  }
  control.nextNodeId = count + 1;
  return control;
}

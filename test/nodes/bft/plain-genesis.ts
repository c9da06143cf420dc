/** A genesis as it travels to a process. */
import type { Genesis } from '../../../nodes/bft/genesis.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { createIdentity, type Identity } from '../../../transport/identity/index.js';

/** See the head of this file. */
export interface PlainGenesis {
  readonly chainId: string;
  readonly changesFrom?: number;
  readonly partsFrom?: number;
  readonly checkpointsEvery?: number;
  readonly validators: readonly {
    /** Hexadecimal. */
    readonly publicKey: string;
    /** Hexadecimal. */
    readonly postQuantumKey?: string;
    readonly weight: number;
    readonly address: { readonly host: string; readonly port: number };
  }[];
}

/** New validators of equal weight at ports of the loopback, with their identities in that order. */
export function makePlainGenesis(
  chainId: string,
  ports: readonly number[],
): { readonly identities: readonly Identity[]; readonly genesis: PlainGenesis } {
  const identities = ports.map(() => createIdentity());
  const validators = identities.map((identity, at) => ({
    publicKey: Buffer.from(publicKeyOf(identity)).toString('hex'),
    weight: 1,
    address: { host: '127.0.0.1', port: ports[at]! },
  }));
  return { identities, genesis: { chainId, validators } };
}

export function readPlainGenesis({ validators, ...rest }: PlainGenesis): Genesis {
  return {
    ...rest,
    validators: validators.map(({ postQuantumKey, ...each }) => {
      const publicKey = Buffer.from(each.publicKey, 'hex');
      if (postQuantumKey === undefined) return { ...each, publicKey };
      return { ...each, publicKey, postQuantumKey: Buffer.from(postQuantumKey, 'hex') };
    }),
  };
}

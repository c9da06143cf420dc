/** A genesis as it travels to a process. */
import type { Genesis } from '../../../nodes/bft/genesis.js';
import { type ProvenBlsKey, openBlsKey, publicKeyOf } from '../../../nodes/bft/index.js';
import { createIdentity, type Identity } from '../../../transport/identity/index.js';

/** A key of shares with its proof, hexadecimal. */
export interface PlainBlsKey {
  readonly key: string;
  readonly proof: string;
}

/** See the head of this file. */
export interface PlainGenesis {
  readonly chainId: string;
  readonly changesFrom?: number;
  readonly partsFrom?: number;
  readonly checkpointsEvery?: number;
  readonly aggregates?: 'bls';
  readonly validators: readonly {
    /** Hexadecimal. */
    readonly publicKey: string;
    /** Hexadecimal. */
    readonly postQuantumKey?: string;
    readonly bls?: PlainBlsKey;
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
    validators: validators.map(({ postQuantumKey, bls, ...each }) => {
      const read = { ...each, publicKey: Buffer.from(each.publicKey, 'hex') };
      return {
        ...read,
        ...(postQuantumKey && { postQuantumKey: Buffer.from(postQuantumKey, 'hex') }),
        ...(bls && { bls: readBlsKey(bls) }),
      };
    }),
  };
}

export function readBlsKey({ key, proof }: PlainBlsKey): ProvenBlsKey {
  return { key: Buffer.from(key, 'hex'), proof: Buffer.from(proof, 'hex') };
}

/** The key in the file at `path`, which is made, for a validator. */
export async function plainBlsKey(
  path: string,
  identity: Pick<Identity, 'privateKeyPem'>,
): Promise<PlainBlsKey> {
  const { key, proof } = (await openBlsKey(path)).prove(identity);
  return { key: Buffer.from(key).toString('hex'), proof: Buffer.from(proof).toString('hex') };
}

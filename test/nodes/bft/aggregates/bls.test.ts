/** BLS signatures: vectors of others, sums, wrong shares, and keys that cancel others out. */
import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretKey, aggregatePublicKeys, PublicKey } from '@chainsafe/blst';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  areAllRight,
  type BlsKey,
  type BlsPublicKey,
  blsKeyOf,
  isSignedByAll,
  loadBlst,
  type ProvenBlsKey,
  provenKey,
  readBlsKey,
  sumOf,
} from '../../../../nodes/bft/aggregates/bls.js';
import { readGenesis } from '../../../../nodes/bft/genesis.js';
import { openBlsKey, publicKeyOf } from '../../../../nodes/bft/index.js';
import { createIdentity } from '../../../../transport/identity/index.js';
import { fixedIdentities } from '../../approval/approving.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`bls: SEED=${seed}`);

const directory = mkdtempSync(join(tmpdir(), 'bft-bls-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const identities = Array.from({ length: 6 }, () => createIdentity());
const identityKeys = identities.map((each) => publicKeyOf(each));
const keys = identities.map((_, at) => blsKeyOf(new Uint8Array(32).fill(at + 1)));
const publicKeys = keys.map(({ publicKey }) => readBlsKey(publicKey)!);
const bytes = Buffer.from('what they sign');
const shares = keys.map((key) => key.sign(bytes));
/** Of a key, a proof and a sum. A change here breaks validators of released versions. */
const GOLDEN = [
  '92ad6c4267022f08d8c18bdd2115087933c5b066c046156e455f229cdd20ec81',
  'ad8fff73e29c357246fedaa09faa364dcc68da2921cd453a951203e389031e49',
  'e1e2ec85a8195cb6a4e20da4b62b16528e7536f2aa2cf2beb1a848ea4822fa91',
];
const hex = (some: Uint8Array): string => Buffer.from(some).toString('hex');

/** P and -P differ in one bit of their compressed form. */
function negative(key: Uint8Array): Uint8Array {
  const changed = new Uint8Array(key);
  changed[0]! ^= 0x20;
  return changed;
}

describe('BLS signatures', () => {
  it('are those of the vectors of Ethereum (bls12-381-tests, sign; EIP-2333, case 0)', () => {
    const secret = '263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3';
    const { sign: signed, publicKey } = pairOf(Buffer.from(secret, 'hex'));
    expect(hex(publicKey)).toBe(
      'a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20f' +
        'd6e10c1b77654d067c0618f6e5a7f79a',
    );
    const signature =
      'b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6' +
      '076334f91e2366c96e9ab279fb5158090352ea1c5b0c9274504f4f0e7053af24' +
      '802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55';
    expect(hex(signed(new Uint8Array(32)))).toBe(signature);
    const key = readBlsKey(publicKey)!;
    expect(isSignedByAll(new Uint8Array(32), [key], Buffer.from(signature, 'hex'))).toBe(true);

    const derived = blsKeyOf(
      Buffer.from(
        'c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c9' +
          '2f2cf141630c7a3c4ab7c81b2f001698e7463b04',
        'hex',
      ),
    );
    const master = 6083874454709270928345386274498605044986640685124978867557563392430687146096n;
    const expected = pairOf(Buffer.from(master.toString(16).padStart(64, '0'), 'hex'));
    expect(hex(derived.publicKey)).toBe(hex(expected.publicKey));
  });

  it('have the same bytes as ever', () => {
    const digest = (some: Uint8Array): string => createHash('sha256').update(some).digest('hex');
    const { key, proof } = keys[0]!.prove(fixedIdentities(1)[0]!);
    expect([key.length, proof.length, shares[0]!.length]).toEqual([48, 160, 96]);
    expect([digest(key), digest(proof), digest(sumOf(shares))]).toEqual(GOLDEN);
  });

  it('add up: the sum is that of just those who made it', () => {
    const subset = fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 });
    fc.assert(
      fc.property(subset, subset, (made, named) => {
        const sum = sumOf(made.map((at) => shares[at]!));
        const by = named.map((at) => publicKeys[at]!);
        expect(isSignedByAll(bytes, by, sum)).toBe(made.join() === named.join());
        expect(isSignedByAll(Buffer.from('else'), by, sum)).toBe(false);
      }),
      { seed, numRuns: 30 },
    );
  });

  it('are found wrong together, also those that cancel each other out', () => {
    const of = (some: readonly Uint8Array[]) =>
      some.map((share, at) => ({ key: publicKeys[at]!, share }));
    expect(areAllRight(bytes, of(shares))).toBe(true);
    expect(areAllRight(bytes, [])).toBe(true);
    // Each is the other's: the plain sum of the two is right.
    const swapped = [shares[1]!, shares[0]!, ...shares.slice(2)];
    expect(isSignedByAll(bytes, publicKeys, sumOf(swapped))).toBe(true);
    expect(areAllRight(bytes, of(swapped))).toBe(false);
    const infinity = new Uint8Array(96);
    infinity[0] = 0xc0;
    const long = new Uint8Array(192);
    for (const wrong of [new Uint8Array(96), infinity, long, shares[0]!.slice(1)]) {
      expect(areAllRight(bytes, of([wrong]))).toBe(false);
      expect(isSignedByAll(bytes, [publicKeys[0]!], wrong)).toBe(false);
    }
    expect(isSignedByAll(bytes, [], infinity)).toBe(false);
  });

  it('have keys that are read, or are none', () => {
    const infinity = new Uint8Array(48);
    infinity[0] = 0xc0;
    const long = PublicKey.fromBytes(keys[0]!.publicKey).toBytes(false);
    for (const wrong of [infinity, long, new Uint8Array(48), new Uint8Array()]) {
      expect(readBlsKey(wrong)).toBeNull();
    }
  });
});

describe('a proof of possession', () => {
  it('is of one key and of one validator', () => {
    const [first, second] = identityKeys as [Uint8Array, Uint8Array];
    const proven = keys[0]!.prove(identities[0]!);
    expect(provenKey(proven, first)?.bytes).toEqual(keys[0]!.publicKey);
    expect(provenKey(proven, second)).toBeNull();
    expect(provenKey({ ...proven, key: keys[1]!.publicKey }, first)).toBeNull();
    expect(provenKey({ ...proven, proof: keys[1]!.prove(identities[0]!).proof }, first)).toBeNull();
    // What is signed as a share proves nothing, nor does what is signed by one of the two keys alone.
    const other = keys[0]!.prove(identities[1]!).proof;
    const [own, consent] = [proven.proof.subarray(0, 96), proven.proof.subarray(96)];
    for (const halves of [
      [shares[0]!, consent],
      [other.subarray(0, 96), consent],
      [own, other.subarray(96)],
      [own],
      [own, consent, Buffer.from([0])],
    ]) {
      expect(provenKey({ ...proven, proof: Buffer.concat(halves) }, first)).toBeNull();
    }
  });

  it('keeps out a key that cancels those of others out', () => {
    // The attacker knows one secret, and names as its key that of it less those of all others.
    const attacker = keys[5]!;
    const others = publicKeys.slice(0, 5);
    const points = [attacker.publicKey, ...others.map((each) => negative(each.bytes))];
    const sum = aggregatePublicKeys(points.map((each) => PublicKey.fromBytes(each, true)));
    const rogue: BlsPublicKey = readBlsKey(sum.toBytes(true))!;
    // Alone it signs for all of them.
    expect(isSignedByAll(bytes, [...others, rogue], attacker.sign(bytes))).toBe(true);

    // But it cannot prove its key, whatever it signs.
    const validators = identityKeys.map((publicKey, at) => ({
      publicKey,
      weight: 1,
      address: { host: '127.0.0.1', port: at + 1 },
      bls: keys[at]!.prove(identities[at]!),
    }));
    expect(readGenesis({ chainId: 'rogue', aggregates: 'bls', validators }).blsKeys?.size).toBe(6);
    const forged = [
      { key: rogue.bytes, proof: attacker.prove(identities[5]!).proof },
      { key: rogue.bytes, proof: keys[0]!.prove(identities[5]!).proof },
      { key: rogue.bytes, proof: Buffer.concat([shares[5]!, Buffer.alloc(64)]) },
      // With the consent of the identity, which the attacker has.
      forgeProof(rogue.bytes, attacker),
    ];
    for (const bls of forged) {
      const withRogue = [...validators.slice(0, 5), { ...validators[5]!, bls }];
      expect(() =>
        readGenesis({ chainId: 'rogue', aggregates: 'bls', validators: withRogue }),
      ).toThrow(/its proof is not for this validator/);
    }
  });
});

describe('the native part', () => {
  it('is loaded where a genesis has aggregates, and not before', () => {
    const index = new URL('../../../../nodes/bft/index.js', import.meta.url).href;
    const script = (more: string): string =>
      `import { createRequire } from 'node:module';
       const { LightClient, openBlsKey, publicKeyOf } = await import('${index}');
       const { createIdentity } = await import('${new URL('../../../../transport/identity/index.js', import.meta.url).href}');
       const publicKey = publicKeyOf(createIdentity());
       const validator = { publicKey, weight: 1, address: { host: 'h', port: 1 } };
       new LightClient({ chainId: 'plain', validators: [validator] });
       ${more}
       const { cache } = createRequire('${index}');
       console.log(Object.keys(cache).some((path) => path.includes('blst')));`;
    const run = (more: string): string =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script(more)])
        .toString()
        .trim();
    expect(run('')).toBe('false');
    expect(run(`await openBlsKey('${join(directory, 'loading')}');`)).toBe('true');
  });

  it('says what to do where it is missing', () => {
    expect(() => loadBlst('@chainsafe/blst-of-nowhere')).toThrow(
      expect.objectContaining({
        code: 'bad-option',
        message: expect.stringMatching(/cannot be loaded on .*: install it with/) as string,
      }),
    );
    expect(loadBlst()).toBe(loadBlst());
  });
});

describe('the key of shares', () => {
  it('comes back from its file, which its owner alone may read', async () => {
    const path = join(directory, 'bls');
    const made = await openBlsKey(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await openBlsKey(path)).publicKey).toEqual(made.publicKey);
    const file = readFileSync(path);
    expect([file.length, file.subarray(0, 8).toString()]).toEqual([44, 'AFBFTbl\u0001']);
    expect((await openBlsKey(join(directory, 'other'))).publicKey).not.toEqual(made.publicKey);
    chmodSync(path, 0o640);
    await expect(openBlsKey(path)).rejects.toMatchObject({ code: 'bad-option' });
    chmodSync(path, 0o600);
    const changed = Buffer.from(file);
    changed[20]! ^= 1;
    writeFileSync(path, changed);
    await expect(openBlsKey(path)).rejects.toMatchObject({ code: 'damaged' });
  });
});

/** All that can be made with the secret of the identity, and another secret than that of the key. */
function forgeProof(key: Uint8Array, attacker: BlsKey): ProvenBlsKey {
  const bytes = Buffer.concat([
    Buffer.from('agentic-flow bft proof of possession 1\n'),
    identityKeys[5]!,
    key,
  ]);
  const consent = sign(null, bytes, createPrivateKey(identities[5]!.privateKeyPem));
  return { key, proof: Buffer.concat([attacker.sign(bytes), consent]) };
}

function pairOf(secret: Uint8Array) {
  const key = SecretKey.fromBytes(secret);
  return {
    publicKey: key.toPublicKey().toBytes(true),
    sign: (some: Uint8Array) => key.sign(some).toBytes(true),
  };
}

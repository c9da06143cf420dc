import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicKey, verify } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { until } from '../../waiting.js';
import { type OwnMessage, signedBytes } from '../../../consensus/bft/index.js';
import { openValidator, publicKeyOf } from '../../../nodes/bft/index.js';
import { Signer } from '../../../nodes/bft/signer.js';
import { createIdentity } from '../../../transport/identity/index.js';

const root = mkdtempSync(join(tmpdir(), 'bft-signer-'));
const chain = new Uint8Array(32).fill(7);
const identity = createIdentity();
let count = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

const newPath = (): string => join(root, `signer-${(count += 1)}`);
const vote = (
  height: number,
  round: number,
  type: 'prevote' | 'precommit',
  value: string | null,
): OwnMessage => ({ type: 'vote', vote: { type, from: identity.peerId, height, round, value } });

describe('a signer', () => {
  it('signs what the key of the validator verifies, for one chain alone', async () => {
    const signer = await Signer.open(newPath(), chain, identity);
    const message = vote(1, 0, 'prevote', 'v');
    const signature = await signer.sign(message);
    const key = createPublicKey(identity.privateKeyPem);
    expect(verify(null, signedBytes(chain, message), key, signature)).toBe(true);
    expect(verify(null, signedBytes(new Uint8Array(32), message), key, signature)).toBe(false);
    await signer.close();
  });

  it('remembers across processes what it signed last, whatever else is restored', async () => {
    const path = newPath();
    const first = await Signer.open(path, chain, identity);
    expect(first.isNew).toBe(true);
    await first.sign(vote(5, 1, 'prevote', 'v'));
    const last = await first.sign(vote(5, 1, 'precommit', 'v'));
    await first.close();

    const signer = await Signer.open(path, chain, identity);
    expect(signer.isNew).toBe(false);
    expect(Buffer.from(await signer.sign(vote(5, 1, 'precommit', 'v')))).toEqual(Buffer.from(last));
    for (const message of [
      vote(5, 1, 'precommit', 'w'),
      vote(5, 1, 'precommit', null),
      vote(5, 1, 'prevote', 'v'),
      vote(5, 0, 'precommit', 'v'),
      vote(4, 9, 'precommit', 'v'),
    ]) {
      await expect(signer.sign(message)).rejects.toMatchObject({ code: 'double-sign' });
    }
    await signer.sign(vote(5, 2, 'prevote', 'w'));
    await signer.sign(vote(6, 0, 'prevote', 'w'));
    await signer.close();
  });

  it('refuses a file with one damaged byte, of a newer release, or of somebody else', async () => {
    const path = newPath();
    const signer = await Signer.open(path, chain, identity);
    await signer.sign(vote(1, 0, 'prevote', 'v'));
    await signer.sign(vote(1, 0, 'precommit', 'v'));
    await signer.close();
    const good = readFileSync(path);
    // The lengths of both slots are 114 bytes behind heads of 56 bytes.
    for (const at of [3, 9, 17, 60, 150, 512 + 3, 512 + 100]) {
      const bytes = Buffer.from(good);
      bytes[at] = bytes[at]! ^ 0xff;
      writeFileSync(path, bytes);
      await expect(Signer.open(path, chain, identity)).rejects.toMatchObject({ code: 'damaged' });
    }
    writeFileSync(path, good.subarray(0, 700));
    await expect(Signer.open(path, chain, identity)).rejects.toMatchObject({ code: 'damaged' });
    writeFileSync(path, good);
    await expect(Signer.open(path, new Uint8Array(32), identity)).rejects.toMatchObject({
      code: 'other-chain',
    });
    await expect(Signer.open(path, chain, createIdentity())).rejects.toMatchObject({
      code: 'other-chain',
    });
    await (await Signer.open(path, chain, identity)).close();
  });
});

describe('a validator alone', () => {
  it('sits out the height that its record has forgotten', async () => {
    const directory = join(root, 'old-record');
    const validator = await open(directory, []);
    await validator.submit(Buffer.from('a'));
    const record = readFileSync(join(directory, 'record'));
    const decisions = readFileSync(join(directory, 'decisions'));
    await validator.submit(Buffer.from('b'));
    await validator.close();
    // All files but that of the signer as they were after the first height.
    writeFileSync(join(directory, 'record'), record);
    writeFileSync(join(directory, 'decisions'), decisions);
    const again = await open(directory, []);
    const submitted = again.submit(Buffer.from('c')).catch((error: unknown) => error);
    await until('a message that is not signed', () => again.status().withheld > 0);
    expect(again.height).toBe(1);
    await again.close();
    expect(await submitted).toMatchObject({ code: 'closed' });
  });

  const open = (directory: string, applied: string[], appliedHeight = 0) =>
    openValidator({
      directory,
      identity,
      genesis: {
        chainId: 'alone',
        validators: [
          {
            publicKey: publicKeyOf(identity),
            weight: 1,
            address: { host: '127.0.0.1', port: 0 },
          },
        ],
      },
      apply: ({ commands }) =>
        void applied.push(...commands.map((each) => String(Buffer.from(each)))),
      validate: (command) => command[0] !== 0,
      appliedHeight,
    });

  it('decides, refuses what is invalid, and goes on where it was', async () => {
    const directory = join(root, 'alone');
    const applied: string[] = [];
    const first = await open(directory, applied);
    for (const text of ['a', 'b', 'b']) await first.submit(Buffer.from(text));
    await expect(first.submit(Buffer.from([0]))).rejects.toMatchObject({ code: 'bad-command' });
    await expect(first.submit(new Uint8Array())).rejects.toMatchObject({ code: 'bad-command' });
    expect(applied).toEqual(['a', 'b', 'b']);
    const { height } = first;
    await first.close();
    await expect(first.submit(Buffer.from('c'))).rejects.toMatchObject({ code: 'closed' });

    const again: string[] = [];
    const second = await open(directory, again, height - 1);
    expect(again).toEqual(['b']);
    expect(await second.submit(Buffer.from('d'))).toEqual({ height: height + 1, index: 0 });
    await second.close();

    await expect(open(directory, [], height + 9)).rejects.toMatchObject({ code: 'bad-option' });
    rmSync(join(directory, 'signer'));
    await expect(open(directory, [])).rejects.toMatchObject({ code: 'no-signer-state' });
  });

  it('changes the validators when its operator approves, and knows them after a restart', async () => {
    const directory = join(root, 'changes');
    const changed: string[] = [];
    const genesis = {
      chainId: 'changes',
      changesFrom: 1,
      validators: [
        {
          publicKey: publicKeyOf(identity),
          weight: 10,
          address: { host: '127.0.0.1', port: 0 },
        },
      ],
    };
    const other = createIdentity();
    const added = {
      publicKey: publicKeyOf(other),
      weight: 3,
      address: { host: '127.0.0.1', port: 9 },
    };
    const start = (isApproved: boolean) =>
      openValidator({
        directory,
        identity,
        genesis,
        listen: { host: '127.0.0.1', port: 0 },
        apply: ({ height, changes }) => {
          for (const { id, weight, reason } of changes) {
            changed.push(`${height} ${id === other.peerId ? 'other' : id} ${weight} ${reason}`);
          }
        },
        ...(isApproved ? { approveChange: () => true } : {}),
      });
    const careful = await start(false);
    await expect(careful.changeValidator(added)).rejects.toMatchObject({ code: 'not-approved' });
    const heavy = { ...added, weight: 4 };
    await expect(careful.changeValidator(heavy)).rejects.toMatchObject({
      code: 'bad-change',
      message: expect.stringContaining('at most a third'),
    });
    await careful.close();

    const first = await start(true);
    expect(await first.changeValidator(added)).toBe(3);
    expect(changed).toEqual(['1 other 3 command']);
    // The other is not there, and not needed: 10 of 13 are more than two thirds.
    const places = await Promise.all(['a', 'b'].map((text) => first.submit(Buffer.from(text))));
    expect(places.map(({ index }) => index)).toEqual([0, 1]);
    for (const text of ['c', 'd']) await first.submit(Buffer.from(text));
    const members = first.validators();
    expect(members.map(({ id, weight }) => [id === other.peerId, weight]).sort()).toEqual([
      [false, 10],
      [true, 3],
    ]);
    const own = { publicKey: publicKeyOf(identity), weight: 0, address: null };
    await expect(first.changeValidator(own)).rejects.toMatchObject({ code: 'bad-change' });
    await first.close();

    const second = await start(true);
    expect(second.validators()).toEqual(members);
    const { publicKey } = added;
    const height = await second.changeValidator({ publicKey, weight: 0, address: null });
    expect(second.validators()).toHaveLength(1);
    while (second.height < height) await second.submit(Buffer.from(`${second.height}`));
    expect(second.status().weight).toBe(10);
    await second.close();
  });

  it('is no validator of a chain whose genesis names others, unless it may become one', async () => {
    const genesis = {
      chainId: 'others',
      validators: [
        {
          publicKey: publicKeyOf(createIdentity()),
          weight: 1,
          address: { host: '127.0.0.1', port: 9 },
        },
      ],
    };
    const listen = { host: '127.0.0.1', port: 0 };
    const common = { directory: join(root, 'others'), identity, apply: () => {} };
    await expect(openValidator({ ...common, genesis, listen })).rejects.toMatchObject({
      code: 'bad-option',
    });
    const open = { ...genesis, changesFrom: 5 };
    await expect(openValidator({ ...common, genesis: open })).rejects.toMatchObject({
      code: 'bad-option',
      message: expect.stringContaining('listen'),
    });
    const validator = await openValidator({ ...common, genesis: open, listen });
    await expect(validator.submit(Buffer.from('a'))).rejects.toMatchObject({
      code: 'no-validator',
    });
    expect(validator.status().weight).toBe(0);
    await validator.close();
  });

  it('does not begin over a damaged decision that has others behind it', async () => {
    const directory = join(root, 'damaged');
    const validator = await open(directory, []);
    for (const text of ['a', 'b', 'c']) await validator.submit(Buffer.from(text));
    await validator.close();
    const path = join(directory, 'decisions');
    const bytes = readFileSync(path);
    bytes[60] = bytes[60]! ^ 0xff;
    writeFileSync(path, bytes);
    await expect(open(directory, [])).rejects.toMatchObject({ code: 'damaged' });
    // A cut off end is a write that did not come to its end: it is decided anew from the others.
    bytes[60] = bytes[60]! ^ 0xff;
    writeFileSync(path, bytes.subarray(0, bytes.length - 5));
    const applied: string[] = [];
    const cut = await open(directory, applied);
    expect(applied).toEqual(['a', 'b']);
    await cut.close();
  });
});

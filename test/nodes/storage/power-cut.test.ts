import { expect, it } from 'vitest';
import { PowerCutMark } from '../../../nodes/storage/index.js';
import { MemoryDisk } from './memory-disk.js';

const at = (disk: MemoryDisk, bootId: string | null) =>
  PowerCutMark.leave('/raft', { disk, bootId });

it('suspects nothing the first time, after a clean end, and after a kill', async () => {
  const disk = new MemoryDisk();
  const first = await at(disk, 'boot 1');
  expect(first.suspect).toBe(false);
  await first.remove();
  expect((await at(disk, 'boot 2')).suspect).toBe(false);
  // Killed: the mark stays, but the machine did not go down.
  expect((await at(disk, 'boot 2')).suspect).toBe(false);
});

it('suspects the disk when the machine went down under the process', async () => {
  const disk = new MemoryDisk();
  await at(disk, 'boot 1');
  expect((await at(disk, 'boot 2')).suspect).toBe(true);
});

it('goes on suspecting until that is made up for, whatever happens meanwhile', async () => {
  const disk = new MemoryDisk();
  await at(disk, 'boot 1');
  const second = await at(disk, 'boot 2');
  await second.remove();
  const third = await at(disk, 'boot 2');
  expect(third.suspect).toBe(true);
  await third.trust();
  expect((await at(disk, 'boot 2')).suspect).toBe(false);
});

it('suspects each unclean end where boots cannot be told apart, and a mark that is not whole', async () => {
  const disk = new MemoryDisk();
  await at(disk, null);
  expect((await at(disk, null)).suspect).toBe(true);
  const broken = new MemoryDisk();
  broken.put('/raft/in-use.json', Buffer.from('{"formatVersion":1'));
  expect((await at(broken, 'boot 1')).suspect).toBe(true);
});

it('reads the boot of this machine', async () => {
  const disk = new MemoryDisk();
  disk.put('/proc/sys/kernel/random/boot_id', Buffer.from('b\n'));
  await PowerCutMark.leave('/raft', { disk });
  expect((await at(disk, 'b')).suspect).toBe(false);
});

/** Appends for ever and tells its parent what was acknowledged; it is there to be killed. */
import { RaftLogStore, lockDirectory } from '../../../nodes/storage/index.js';

const [directory, mode] = process.argv.slice(2) as [string, string | undefined];
const lock = lockDirectory(directory);
if (mode === 'lock') {
  process.send?.('locked');
  setInterval(() => lock.directory, 1000);
} else {
  const options = { clusterId: 'c', segmentBytes: 2000 };
  const { store, restored } = await RaftLogStore.open(directory, options);
  let index = (restored.snapshot?.meta.index ?? 0) + restored.entries.length;
  for (;;) {
    index += 1;
    const data = Buffer.alloc(50);
    data.writeUInt32LE(index, 0);
    const hardState = { term: 1, vote: 1, commit: index - 1 };
    await store.append({ hardState, entries: [{ term: 1, index, type: 'normal', data }] });
    process.send?.(index);
    if (index % 30 !== 0) continue;
    const lists = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [] };
    const confState = { ...lists, autoLeave: false };
    await store.saveSnapshot({ index: index - 5, term: 1, confState }, Buffer.alloc(100));
  }
}

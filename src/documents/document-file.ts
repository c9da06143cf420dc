/** The file of one document: frames of updates and rights (as JSON). */
import { FrameFile, type FrameRecord } from '../frame-log/frame-file.js';
import { DocumentError } from './error.js';
import { COMPACTION_BYTES_MIN, FILE_BYTES_MAX } from './limits.js';

export type DocumentRecordKind = 'update' | 'rights';
export type DocumentRecord = FrameRecord<DocumentRecordKind>;

export const documentFrames = new FrameFile<DocumentRecordKind>({
  magic: 'AFydoc1\n',
  kinds: { update: 1, rights: 2 },
  what: 'a document',
  remedy: 'move it away, and the document comes back from the other members, or restore it',
  bytesMax: FILE_BYTES_MAX,
  compactionBytesMin: COMPACTION_BYTES_MIN,
  fail: (code, sentence, cause) => new DocumentError(code, sentence, { cause }),
  isOwn: (error) => error instanceof DocumentError,
});

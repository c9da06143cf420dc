/**
 * A validator in a process of its own whose application keeps its state in a file; does what its parent
 * says. It can be told to end itself in the middle of passing over, and to give others wrong chunks.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointStore } from '../../../nodes/bft/checkpoint-store.js';
import { DecisionLog } from '../../../nodes/bft/decision-log.js';
import {
  type DecidedHeight,
  type Validator,
  openPostQuantumKey,
  openValidator,
} from '../../../nodes/bft/index.js';
import { identityFromPrivateKey } from '../../../transport/identity/index.js';
import { answerParent } from '../../forked-process.js';
import { type PlainGenesis, readPlainGenesis } from './plain-genesis.js';

export interface SnapshotStart {
  readonly directory: string;
  readonly privateKeyPem: string;
  readonly genesis: PlainGenesis;
  /** Every chunk that it gives is wrong. */
  readonly lies: boolean;
  /** Where it ends itself: with the state half restored, or before the old decisions are deleted. */
  readonly dies: 'restoring' | 'passing over' | null;
}

interface State {
  readonly height: number;
  readonly words: readonly string[];
}

/** So that a snapshot is several chunks: each word stands for so many bytes. */
const WORD_BYTES = 64 * 1024;

let validator: Validator | undefined;
let state: State = { height: 0, words: [] };
let file = '';
let restored = 0;
const lines: string[] = [];

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // It has no time to come here.
  throw new Error('killed');
}

function keep(next: State): void {
  state = next;
  writeFileSync(`${file}.next`, JSON.stringify(next));
  renameSync(`${file}.next`, file);
}

function load(directory: string): void {
  file = join(directory, 'application.json');
  try {
    state = JSON.parse(readFileSync(file, 'utf8')) as State;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function apply({ height, commands }: DecidedHeight): void {
  if (height !== state.height + 1) throw new Error(`${height} comes after ${state.height}`);
  keep({
    height,
    words: [...state.words, ...commands.map((each) => Buffer.from(each).toString())],
  });
}

function* take(): Generator<Uint8Array> {
  for (const word of state.words) yield Buffer.alloc(WORD_BYTES, `${word}\n`);
}

async function restore(
  height: number,
  pieces: AsyncIterable<Uint8Array>,
  dies: boolean,
): Promise<void> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) {
    all.push(piece);
    if (dies) die();
  }
  const bytes = Buffer.concat(all);
  const words: string[] = [];
  for (let at = 0; at < bytes.length; at += WORD_BYTES) {
    words.push(bytes.subarray(at, bytes.indexOf('\n', at)).toString());
  }
  keep({ height, words });
  restored = height;
}

function misbehave({ lies, dies }: SnapshotStart): void {
  if (lies) {
    const chunk = CheckpointStore.prototype.chunk;
    CheckpointStore.prototype.chunk = async function (this: CheckpointStore, checkpoint, index) {
      const right = await chunk.call(this, checkpoint, index);
      return Buffer.from(right).fill('lie', 100, 110);
    };
  }
  if (dies === 'passing over') {
    DecisionLog.prototype.leap = async function (this: DecisionLog) {
      die();
    };
  }
}

function running(): Validator {
  if (validator === undefined) throw new Error('start comes first');
  return validator;
}

const methods = {
  async start(options: SnapshotStart): Promise<void> {
    const { directory, privateKeyPem, genesis, dies } = options;
    misbehave(options);
    load(directory);
    validator = await openValidator({
      directory,
      identity: identityFromPrivateKey(privateKeyPem),
      genesis: readPlainGenesis(genesis),
      timeoutsMs: { propose: 600, prevote: 300, precommit: 300, growth: 300 },
      appliedHeight: state.height,
      postQuantum: await openPostQuantumKey(join(directory, 'post-quantum')),
      apply,
      snapshots: {
        take,
        restore: (height, pieces) => restore(height, pieces, dies === 'restoring'),
        retainHeights: 2,
        demandPostQuantum: true,
      },
      log: (line) => {
        lines.push(line);
        if (lines.length > 1_000) lines.shift();
      },
      onFailed: (error) => process.stderr.write(`${String(error)}\n`),
    });
  },
  submit: async (word: string): Promise<number> => {
    return (await running().submit(Buffer.from(word))).height;
  },
  /** The height of the application, and SHA-256 of its state. */
  state: async () => {
    const hash = createHash('sha256').update(JSON.stringify(state.words)).digest('hex');
    return { height: state.height, words: state.words.length, hash };
  },
  status: async () => {
    const { height, peersUp, peers } = running().status();
    const faults = [...peers].map(([id, each]) => {
      return [id, each.faults['bad-chunk'], each.timesCutOff] as const;
    });
    return { height, peersUp, faults };
  },
  checkpoint: async () => {
    const shown = running().checkpoint();
    if (shown === null) return null;
    const { height, digest, isPostQuantum } = shown;
    return { height, digest: Buffer.from(digest).toString('hex'), isPostQuantum };
  },
  /** `kept`, or the code of the error. */
  decision: async (height: number): Promise<string> =>
    running()
      .decision(height)
      .then(
        () => 'kept',
        (error: unknown) => (error as { code: string }).code,
      ),
  /** Never answers. */
  forever: () => new Promise<void>(() => {}),
  /** The height of the snapshot that this process began with; 0 if with none. */
  restored: async () => restored,
  log: async () => lines,
};

export type Methods = typeof methods;

answerParent(methods);

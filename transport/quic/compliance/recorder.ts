import type { ConnectionCloseInfo } from '../connection.js';
import type { Stream, StreamHandler } from '../stream.js';
import type { ComplianceContext } from './case.js';

/** What happened to a stream, in words: `data`, `final`, `reset 5`, `stopped 5`, `drained`, `closed`. */
export type StreamEvent = string;

/** Notes everything that the handler of one stream is told, and what it must never be told. */
export class StreamRecorder implements StreamHandler {
  readonly events: StreamEvent[] = [];
  isFinal = false;
  resetCode: number | undefined;
  stoppedCode: number | undefined;
  drainedCount = 0;
  closeInfo: ConnectionCloseInfo | undefined;
  receivedBytes = 0;
  /** The stream that is handled; set by whoever opens it. */
  stream!: Stream;

  readonly #context: ComplianceContext;
  readonly #also: Partial<StreamHandler>;
  readonly #parts: Buffer[] = [];
  #isCalling = false;

  constructor(context: ComplianceContext, also: Partial<StreamHandler> = {}) {
    this.#context = context;
    this.#also = also;
  }

  /** Everything that was received, in order. */
  get received(): Buffer {
    return Buffer.concat(this.#parts);
  }

  get text(): string {
    return this.received.toString('utf8');
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    this.#note(isFinal ? 'final' : 'data');
    if (this.isFinal) this.#context.breach('onData was called after the final bytes');
    if (this.resetCode !== undefined) this.#context.breach('onData was called after onReset');
    if (bytes.length === 0 && !isFinal) this.#context.breach('onData was called with nothing');
    this.receivedBytes += bytes.length;
    this.#parts.push(Buffer.from(bytes));
    if (isFinal) this.isFinal = true;
    this.#tell(() => this.#also.onData?.(bytes, isFinal));
  }

  onReset(code: number): void {
    this.#note(`reset ${code}`);
    if (this.isFinal) this.#context.breach('onReset was called after the final bytes');
    if (this.resetCode !== undefined) this.#context.breach('onReset was called twice');
    this.resetCode = code;
    this.#tell(() => this.#also.onReset?.(code));
  }

  onStopped(code: number): void {
    this.#note(`stopped ${code}`);
    if (this.stoppedCode !== undefined) this.#context.breach('onStopped was called twice');
    this.stoppedCode = code;
    this.#tell(() => this.#also.onStopped?.(code));
  }

  onDrained(): void {
    this.#note('drained');
    if (this.stoppedCode !== undefined) {
      this.#context.breach('onDrained was called after onStopped');
    }
    this.drainedCount += 1;
    this.#tell(() => this.#also.onDrained?.());
  }

  onConnectionClosed(info: ConnectionCloseInfo): void {
    this.#note('closed');
    this.closeInfo = info;
    this.#tell(() => this.#also.onConnectionClosed?.(info));
  }

  #note(event: StreamEvent): void {
    if (this.events.includes('closed')) {
      this.#context.breach(`a handler was told '${event}' after the end of its connection`);
    }
    if (this.#isCalling) {
      this.#context.breach(`a handler was told '${event}' while it was being told something else`);
    }
    this.events.push(event);
  }

  #tell(also: () => void): void {
    this.#isCalling = true;
    try {
      also();
    } finally {
      this.#isCalling = false;
    }
  }
}

import { randomBytes } from 'node:crypto';
import { onAnswerEnd, type InterceptedCall, type Interceptor } from './interceptors.js';
import type { Metadata } from './metadata.js';

/** Where a call stands in a trace (W3C Trace Context 1, `traceparent`). */
export interface SpanContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 likewise. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** What a tracer does with the span of a call; the SDK of OpenTelemetry fits in a few lines. */
export interface SpanHooks {
  /** The span in which this side is now: the parent of a call that goes out. */
  active?(): SpanContext | undefined;
  /** A span begins. What is returned is called when it ends, with the error if there is one. */
  start(
    span: SpanContext,
    parent: SpanContext | undefined,
    call: InterceptedCall,
  ): (error?: unknown) => void;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * One span a call on each side, joined by the metadata `traceparent`; `tracestate` is handed on as it
 * is. Use the same interceptor in `interceptors` and `callInterceptors`.
 */
export function tracing(hooks: SpanHooks, random = randomHex): Interceptor {
  return (call, next) => {
    const parent =
      call.side === 'handler' ? readTraceparent(call.metadata) : (hooks.active?.() ?? undefined);
    const span: SpanContext = {
      traceId: parent?.traceId ?? random(16),
      spanId: random(8),
      isSampled: parent?.isSampled ?? true,
    };
    const end = hooks.start(span, parent, call);
    const metadata =
      call.side === 'caller'
        ? { ...call.metadata, traceparent: formatTraceparent(span) }
        : call.metadata;
    try {
      return onAnswerEnd(next({ ...call, metadata }), ({ error }) => end(error));
    } catch (error) {
      end(error);
      throw error;
    }
  };
}

export function formatTraceparent(span: SpanContext): string {
  return `00-${span.traceId}-${span.spanId}-${span.isSampled ? '01' : '00'}`;
}

/** The span that the metadata names; undefined when there is none, or none that can be read. */
export function readTraceparent(metadata: Metadata): SpanContext | undefined {
  const text = metadata['traceparent'];
  const match = typeof text === 'string' ? TRACEPARENT.exec(text) : null;
  if (match === null) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = match;
  // Trace Context 3.2.2: ff is no version; version 00 has four fields; ids of zeros are no ids.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

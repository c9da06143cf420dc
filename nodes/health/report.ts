/**
 * What a node tells of itself on the wire: one msgpack array that begins with its version. Later versions
 * append fields, and a reader passes over what it does not know, so that releases side by side understand
 * one another.
 */
import type { EngineVersion } from '../../src/memory/engine.js';
import { NodeError } from '../errors.js';
import { Fields, decode, encode } from '../wire/fields.js';
import {
  INCARNATION_LENGTH_MAX,
  LATENCY_BINS_MAX,
  RELEASE_LENGTH_MAX,
  REPORT_BYTES_MAX,
} from './limits.js';
import { Latencies } from './latency.js';
import type { RequestWindow } from './request-meter.js';
import type { VitalSigns } from './vitals.js';

const REPORT_VERSION = 1;

export interface HealthReport extends RequestWindow, VitalSigns {
  readonly nodeId: number;
  /** The engine that answers. */
  readonly engine: EngineVersion;
  /** The release that runs; empty when the node was started without one. */
  readonly release: string;
  /** The node has caught up with its swarm and takes requests. */
  readonly serving: boolean;
  /** Milliseconds that the requests and the delay of the event loop are of. */
  readonly windowMs: number;
  /** Index of the last log entry that was applied. */
  readonly appliedIndex: number;
}

export function encodeReport(report: HealthReport): Uint8Array {
  return encode([
    REPORT_VERSION,
    report.nodeId,
    report.engine,
    report.release,
    report.serving,
    report.incarnation,
    report.uptimeMs,
    report.windowMs,
    report.requests,
    report.faults,
    report.latencies.bins(),
    report.appliedIndex,
    report.rssBytes,
    report.heapUsedBytes,
    report.eventLoopDelayMs,
    report.diskFreeBytes,
  ]);
}

/** Throws `malformed`; `value` is what a member sent. */
export function decodeReport(value: unknown): HealthReport {
  const what = 'the report of a member';
  if (!(value instanceof Uint8Array) || value.length > REPORT_BYTES_MAX) {
    throw new NodeError('malformed', `${what} is not at most ${REPORT_BYTES_MAX} bytes`);
  }
  const fields = new Fields(decode(value, what), what);
  const version = fields.count('version');
  if (version < REPORT_VERSION) fields.fail('version', `at least ${REPORT_VERSION}`);
  return {
    nodeId: fields.count('nodeId'),
    engine: fields.oneOf('engine', ['v1', 'v2']),
    release: fields.string('release', RELEASE_LENGTH_MAX),
    serving: fields.boolean('serving'),
    incarnation: fields.string('incarnation', INCARNATION_LENGTH_MAX),
    uptimeMs: fields.count('uptimeMs'),
    windowMs: fields.count('windowMs'),
    ...requestsOf(fields),
    appliedIndex: fields.count('appliedIndex'),
    rssBytes: fields.count('rssBytes'),
    heapUsedBytes: fields.count('heapUsedBytes'),
    eventLoopDelayMs: fields.count('eventLoopDelayMs'),
    diskFreeBytes: fields.nullable((each) => each.count('diskFreeBytes')),
  };
}

function requestsOf(fields: Fields): RequestWindow {
  const requests = fields.count('requests');
  const faults = fields.count('faults');
  const bins = fields.list('latencies', LATENCY_BINS_MAX, (each) => {
    const bin = each.fields('bin');
    return [bin.integer('key'), bin.count('count')] as const;
  });
  const latencies = Latencies.ofBins(bins);
  if (faults > requests) fields.fail('faults', 'at most the requests');
  if (latencies.count !== requests) fields.fail('latencies', 'as many as the requests');
  return { requests, faults, latencies };
}

/** Measurements of this process and its store; v1 filled most of these with random numbers. */
import { getHeapStatistics } from 'node:v8';
import type { JsonObject } from '../../memory/engine.js';
import type { ToolMetrics } from '../call-metrics.js';
import { type CallContext, onStore, type Tools } from '../context.js';
import { COUNTERS, counts } from '../rows.js';
import * as value from '../values.js';
import { done } from './records.js';

const MEGABYTE = 1_048_576;
/** Parts of a bound from which on something is called a bottleneck. */
const HEAP_PART = 0.8;
const FREE_PART = 0.5;
const SLOW_MS = 1000;
const FAILING_PART = 0.2;

function memory(): JsonObject {
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const megabytes = { rss, heapTotal, heapUsed, external, arrayBuffers };
  return Object.fromEntries(
    Object.entries(megabytes).map(([name, bytes]) => [name, Math.round(bytes / MEGABYTE)]),
  );
}

function heapPart(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used / limit;
}

function callsOf(tools: readonly ToolMetrics[]): JsonObject {
  const calls = tools.reduce((sum, tool) => sum + tool.calls, 0);
  const failures = tools.reduce((sum, tool) => sum + tool.failures, 0);
  const totalMs = tools.reduce((sum, tool) => sum + tool.calls * tool.averageMs, 0);
  return {
    tasks_executed: calls,
    success_rate: calls === 0 ? null : 1 - failures / calls,
    avg_execution_time: calls === 0 ? null : totalMs / calls,
  };
}

function slowTools(tools: readonly ToolMetrics[]): JsonObject[] {
  return tools
    .filter(({ averageMs }) => averageMs >= SLOW_MS)
    .map(({ tool, averageMs, calls }) => ({
      type: 'latency',
      severity: 'medium',
      description: `${tool} takes ${Math.round(averageMs)} ms on average of ${calls} calls`,
      value: averageMs,
    }));
}

function failingTools(tools: readonly ToolMetrics[]): JsonObject[] {
  return tools
    .filter(({ calls, failures }) => failures / calls >= FAILING_PART)
    .map(({ tool, calls, failures }) => ({
      type: 'failures',
      severity: 'medium',
      description: `${tool} failed in ${failures} of ${calls} calls`,
      value: failures / calls,
    }));
}

function sinceStart({ metrics }: CallContext): string {
  return new Date(metrics.startedAtMs).toISOString();
}

export const performanceTools: Tools = {
  performance_report: async (args, context) => {
    const { cpuUsage, uptime } = process;
    const tools = context.metrics.tools();
    const format = value.text(args, 'format', 'summary');
    const report: JsonObject = {
      timeframe: value.text(args, 'timeframe', '24h'),
      measured_since: sinceStart(context),
      system: {
        uptime: Math.floor(uptime()),
        memory: memory(),
        cpu: { ...cpuUsage.call(process) },
      },
      metrics: { ...callsOf(tools), heap_part: heapPart() },
      ...(format === 'summary' ? {} : { tools: tools.map((tool) => ({ ...tool })) }),
    };
    return done({ report });
  },

  bottleneck_analyze: onStore(async (args, store, context) => {
    const wanted = value.texts(args, 'metrics');
    const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
    const tools = context.metrics.tools();
    const bottlenecks: JsonObject[] = [];
    const part = heapPart();
    if (isWanted('memory') && part >= HEAP_PART) {
      const description = `the heap is ${value.percent(part)} full`;
      bottlenecks.push({ type: 'memory', severity: 'high', description, value: part });
    }
    const { fileBytes, freeBytes } = await store.stats();
    if (isWanted('io') && fileBytes > 0 && freeBytes / fileBytes >= FREE_PART) {
      const free = freeBytes / fileBytes;
      const description = `${value.percent(free)} of the store is free: agentic-flow store compact`;
      bottlenecks.push({ type: 'io', severity: 'low', description, value: free });
    }
    if (isWanted('latency')) bottlenecks.push(...slowTools(tools));
    if (isWanted('failures')) bottlenecks.push(...failingTools(tools));
    const component = value.text(args, 'component', 'system');
    return done({ analysis: { component, measured_since: sinceStart(context), bottlenecks } });
  }),

  memory_analytics: onStore(async (args, store) => {
    const { records, edges, vectors, fileBytes, freeBytes, logBytes } = await store.stats();
    const found = [...(await counts(store))].filter(([namespace]) => namespace !== COUNTERS);
    return done({
      timeframe: value.text(args, 'timeframe', 'now'),
      current: memory(),
      usage_percentage: (heapPart() * 100).toFixed(2),
      store: { records, edges, vectors, fileBytes, freeBytes, logBytes },
      namespaces: Object.fromEntries(found),
    });
  }),
};

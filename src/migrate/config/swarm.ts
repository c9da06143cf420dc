/** Settings of swarms: `swarm.json`, from hive-mind, claude-flow and the QUIC variables of the environment. */
import type { ConfigKind } from '../../v1/rows.js';
import type { Conversion } from './conversion.js';
import type { Converted, SwarmConfig } from './formats.js';
import { isObject, type JsonObject, newObject } from './json-text.js';
import { wordsIn } from './word-list.js';

/** Variables that v1's programs read and that are no secrets. */
const ENVIRONMENT_NAMES = wordsIn(`
  AGENTIC_FLOW_ENABLE_QUIC QUIC_HOST QUIC_PORT QUIC_SERVER_HOST QUIC_SERVER_PORT
  QUIC_MAX_CONNECTIONS QUIC_MAX_STREAMS QUIC_VERIFY_PEER QUIC_CERT_PATH QUIC_KEY_PATH
  TRANSPORT COMPLETION_MODEL REASONING_MODEL PROVIDER AGENTS_DIR PROXY_PORT HEALTH_PORT
  USE_OPENROUTER USE_ONNX USE_GEMINI USE_REQUESTY AGENTDB_PATH CLAUDE_FLOW_DB_PATH
  CLAUDE_FLOW_TOPOLOGY CLAUDE_FLOW_STRATEGY CLAUDE_FLOW_MAX_AGENTS
  CLAUDE_FLOW_MEMORY_BACKEND FEDERATION_HUB_ENDPOINT FEDERATION_HUB_PORT
  FEDERATION_TENANT_ID FEDERATION_SYNC_INTERVAL FEDERATION_MAX_AGENTS
  FEDERATION_HEARTBEAT_INTERVAL
`);

/** What v1's `dist/config/quic.js` takes where nothing is set. */
const QUIC_HOST = '0.0.0.0';
const QUIC_PORT = 4_433;

export function convertSwarm(conversion: Conversion): Converted<SwarmConfig> | undefined {
  const environment = environmentOf(conversion);
  const hive = objectOf(conversion, 'hive-settings', () => true);
  const queens = objectOf(conversion, 'hive-roles', (name) => name.endsWith('queens.json'));
  const workers = objectOf(conversion, 'hive-roles', (name) => name.endsWith('workers.json'));
  const claudeFlow = objectOf(conversion, 'claude-flow-config', () => true);
  const objects = [hive, queens, workers, claudeFlow].flatMap((found) => found ?? []);
  const hasEnvironment = Object.keys(environment).length > 0;
  if (objects.length === 0 && !hasEnvironment) return undefined;
  for (const { name } of objects) {
    conversion.note(
      name,
      'has no counterpart in v2 yet; its settings stand under "v1" in swarm.json',
    );
  }
  const listen = listenOf(conversion);
  return {
    from: [...objects.map(({ name }) => name), ...(hasEnvironment ? ['environment'] : [])],
    ...(listen === undefined ? {} : { listen }),
    v1: {
      environment,
      ...(hive === undefined ? {} : { hive: hive.value }),
      ...(queens === undefined ? {} : { queens: queens.value }),
      ...(workers === undefined ? {} : { workers: workers.value }),
      ...(claudeFlow === undefined ? {} : { claudeFlow: claudeFlow.value }),
    },
  };
}

function environmentOf(conversion: Conversion): Record<string, string> {
  const environment = newObject() as Record<string, string>;
  for (const name of ENVIRONMENT_NAMES) {
    const value = conversion.variable(name);
    if (value === undefined) continue;
    environment[name] = String(conversion.copy(value, 'environment', name));
  }
  for (const { name } of conversion.files('env')) {
    conversion.note(
      name,
      'stays as it is; programs of v2 take their variables from the environment',
    );
  }
  return environment;
}

/** Only where QUIC was on; the certificate is no longer one of files: each node makes its own key. */
function listenOf(conversion: Conversion): SwarmConfig['listen'] {
  if (conversion.variable('AGENTIC_FLOW_ENABLE_QUIC') !== 'true') return undefined;
  const given = conversion.variable('QUIC_PORT');
  const port = given === undefined ? QUIC_PORT : Number(given);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    conversion.quarantine(
      'environment',
      'QUIC_PORT is no port from 1 to 65535; no address is carried',
    );
    return undefined;
  }
  const certificates = ['QUIC_CERT_PATH', 'QUIC_KEY_PATH', 'QUIC_VERIFY_PEER'];
  if (certificates.some((name) => conversion.variable(name) !== undefined)) {
    const sentence = `${certificates.join(', ')} have no counterpart: a node of v2 makes its own key and always verifies its peers`;
    conversion.note('environment', sentence);
  }
  return { host: conversion.variable('QUIC_HOST') ?? QUIC_HOST, port };
}

function objectOf(
  conversion: Conversion,
  kind: ConfigKind,
  wanted: (name: string) => boolean,
): { name: string; value: JsonObject } | undefined {
  for (const file of conversion.files(kind)) {
    if (!wanted(file.name)) continue;
    const settings = conversion.settings(file);
    if (settings === undefined) continue;
    const value = conversion.copy(settings.value, file.name, '');
    if (isObject(value)) return { name: file.name, value };
  }
  return undefined;
}

/**
 * The contract of `Engine`, `Connection` and `Stream` as a suite that any engine can be run against,
 * with any test runner: for each of `complianceCases` call `runComplianceCase` with a function that
 * opens the engine. It rejects when the engine does not keep the sentence that names the case.
 */
import { protocolCases } from './applications.js';
import { authenticationCases } from './authentication.js';
import type { ComplianceCase } from './case.js';
import { closingCases } from './closing.js';
import { datagramCases } from './datagrams.js';
import { earlyDataCases } from './early-data.js';
import { engineCases } from './engines.js';
import { flowControlCases } from './flow-control.js';
import { limitCases } from './limits.js';
import { migrationCases } from './migration.js';
import { misuseCases } from './misuse.js';
import { priorityCases } from './priorities.js';
import { resetAndStopCases } from './reset-and-stop.js';
import { resumptionCases } from './resumption.js';
import { streamCases } from './streams.js';

export {
  runComplianceCase,
  type Capability,
  type ComplianceCase,
  type ComplianceContext,
} from './case.js';

/** The cases by idea, in the order in which somebody who writes an engine would want them. */
export const complianceGroups: Readonly<Record<string, readonly ComplianceCase[]>> = {
  engines: engineCases,
  streams: streamCases,
  'flow control': flowControlCases,
  limits: limitCases,
  priorities: priorityCases,
  'reset and stop': resetAndStopCases,
  datagrams: datagramCases,
  closing: closingCases,
  authentication: authenticationCases,
  'protocols and applications': protocolCases,
  sessions: resumptionCases,
  'early data': earlyDataCases,
  migration: migrationCases,
  misuse: misuseCases,
};

export const complianceCases: readonly ComplianceCase[] = Object.values(complianceGroups).flat();

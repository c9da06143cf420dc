import { describe } from 'vitest';
import { sessionSuite } from '../webtransport/session-suite.js';
import { gatewayPair } from './pair.js';

describe('a session over WebSocket', () => sessionSuite(gatewayPair));

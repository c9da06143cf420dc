import { describe } from 'vitest';
import { sessionPair } from './pair.js';
import { sessionSuite } from './session-suite.js';

describe('a session over HTTP/3', () => sessionSuite(sessionPair));

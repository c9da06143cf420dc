/** Sessions over WebSocket, for browsers and networks without WebTransport. */
export { serveWebSocket, type GatewayOptions, type ServedWebSocket } from './gateway.js';
export { openWebSocketSession } from './browser.js';

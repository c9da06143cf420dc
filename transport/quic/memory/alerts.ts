/** TLS alerts (RFC 8446 6.2) that end a handshake, as QUIC codes: 0x100 and the alert. */
export interface Alert {
  readonly code: number;
  readonly reason: string;
}

export const HANDSHAKE_FAILURE: Alert = {
  code: 0x128,
  reason: 'TLS: no common parameters (handshake failure)',
};
export const NO_APPLICATION_PROTOCOL: Alert = {
  code: 0x178,
  reason: 'TLS: no common application protocol',
};
export const CERTIFICATE_REQUIRED: Alert = {
  code: 0x174,
  reason: 'TLS: a certificate is required',
};

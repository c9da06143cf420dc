const SPOILT_BYTE = 0xdd;

/** Bytes are only valid during a call: afterwards they are written over, so that who kept them sees it. */
export function spoil(bytes: Uint8Array): void {
  bytes.fill(SPOILT_BYTE);
}

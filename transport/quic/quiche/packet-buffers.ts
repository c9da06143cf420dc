/**
 * Scratch space for one packet. Views of it are kept by length, since the room for a packet changes
 * seldom and a view costs more than the packet's bookkeeping.
 */
export class PacketBuffers {
  readonly #bytes: number;
  readonly #views = new Map<number, Uint8Array>();
  whole: Uint8Array;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.whole = Buffer.allocUnsafeSlow(bytes);
  }

  /** The first `bytes` of it. */
  get(bytes: number): Uint8Array {
    if (bytes >= this.#bytes) return this.whole;
    let view = this.#views.get(bytes);
    if (view === undefined) {
      view = this.whole.subarray(0, bytes);
      this.#views.set(bytes, view);
    }
    return view;
  }

  /** The system holds on to it: takes another. */
  replace(): void {
    this.whole = Buffer.allocUnsafeSlow(this.#bytes);
    this.#views.clear();
  }
}

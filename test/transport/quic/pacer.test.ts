import { describe, expect, it } from 'vitest';
import { Pacer } from '../../../transport/quic/quiche/pacer.js';

const PACKET = 1_200;

/** Bytes that go out in `ms` milliseconds when there is always more to send. */
function sentIn(pacer: Pacer, ms: number, fromMs = 0): number {
  let sent = 0;
  for (let nowMs = fromMs; nowMs < fromMs + ms; nowMs += 1) {
    while (pacer.waitMs(nowMs) === 0 && sent < 1e9) {
      pacer.onSent(PACKET);
      sent += PACKET;
    }
  }
  return sent;
}

describe('the pacer', () => {
  it('holds nothing back before it knows the path, and on paths shorter than 2 ms', () => {
    const pacer = new Pacer('cubic');
    expect(pacer.isPacing).toBe(false);
    pacer.onPath(1, 100_000, PACKET, 0);
    expect(pacer.isPacing).toBe(false);
    expect(pacer.waitMs(0)).toBe(0);
    pacer.onSent(1e9);
    expect(pacer.waitMs(0)).toBe(0);
  });

  it.each([
    ['cubic', 1.25],
    ['reno', 1.25],
    ['bbr', 0.75],
  ] as const)('spreads %s over %f windows a round trip', (congestionControl, gain) => {
    const pacer = new Pacer(congestionControl);
    pacer.onPath(50, 200_000, PACKET, 0);
    sentIn(pacer, 100);
    const sent = sentIn(pacer, 1_000, 100);
    const wanted = (gain * 200_000 * 1_000) / 50;
    expect(sent / wanted).toBeGreaterThan(0.98);
    expect(sent / wanted).toBeLessThan(1.02);
  });

  it('lets a burst of ten packets go after a pause, however long', () => {
    const pacer = new Pacer('cubic');
    pacer.onPath(200, 20_000, PACKET, 0);
    sentIn(pacer, 1_000);
    let burst = 0;
    while (pacer.waitMs(1_000_000) === 0) {
      pacer.onSent(PACKET);
      burst += 1;
    }
    expect(burst).toBe(10);
  });

  it('says how long to wait', () => {
    const pacer = new Pacer('cubic');
    pacer.onPath(100, 100_000, PACKET, 0);
    while (pacer.waitMs(0) === 0) pacer.onSent(PACKET);
    pacer.onSent(50_000);
    const waitMs = pacer.waitMs(0);
    expect(pacer.waitMs(waitMs * 0.9)).toBeGreaterThan(0);
    expect(pacer.waitMs(waitMs + 0.01)).toBe(0);
  });
});

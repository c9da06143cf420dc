/** Times and sizes as options name them. */
import { InvalidArgumentError } from 'commander';

const MS_BY_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of `500ms`, `90s`, `15m`, `72h`, `3d`, also of `1h30m`; `0` alone needs no unit. */
export function durationMsOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  const isWhole = parts.map(([whole]) => whole).join('') === text && parts.length > 0;
  if (text === '0') return 0;
  const sum = parts.reduce((ms, [, count, unit]) => {
    return ms + Number(count) * (MS_BY_UNIT[unit ?? ''] ?? Number.NaN);
  }, 0);
  if (isWhole && Number.isSafeInteger(Math.round(sum))) return Math.round(sum);
  throw new InvalidArgumentError(`'${text}' is no time; write it as 500ms, 90s, 15m, 72h or 3d.`);
}

/** A time of day: a date as JavaScript reads it, milliseconds since 1970, or `+2h` from now. */
export function timeOfDayMsOf(text: string): number {
  if (text.startsWith('+')) return Date.now() + durationMsOf(text.slice(1));
  // JavaScript takes much for a date that nobody means.
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  const instant = /^\d+$/.test(text) ? Number(text) : date;
  if (Number.isSafeInteger(instant) && instant >= 0) return instant;
  throw new InvalidArgumentError(
    `'${text}' is no time; write it as 2026-01-31T02:00Z, as milliseconds since 1970, or as +2h.`,
  );
}

const BYTES_BY_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** Bytes of `1048576`, `512MiB`, `2GiB`. */
export function bytesOf(text: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  const bytes = Math.round(Number(count) * (BYTES_BY_UNIT[unit] ?? Number.NaN));
  if (count !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(`'${text}' is no size; write it as 512MiB or 2GiB.`);
}

/** The two largest units of a time that is left: `71 h 59 min`, `42 s`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit));
  if ((days ?? 0) > 0) return `${days} d ${(hours ?? 0) % 24} h`;
  if ((hours ?? 0) > 0) return `${hours} h ${(minutes ?? 0) % 60} min`;
  if ((minutes ?? 0) > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}

// What a Date can hold; beyond it (the year 275760) a Date Time is written as a number.
const MAX_SECONDS = 8_640_000_000_000n;
const MAX_OFFSET_MINUTES = 14 * 60;

const PATTERN = /^(-?\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * Seconds since 1970 as an xsd:dateTime in UTC, `2001-01-01T00:00:00+00:00`; undefined before the year -271821 and after
 * the year 275760.
 */
export function formatDateTime(seconds: bigint): string | undefined {
  if (seconds > MAX_SECONDS || seconds < -MAX_SECONDS) return undefined;
  const date = new Date(Number(seconds) * 1000);
  const year = date.getUTCFullYear();
  const digits = String(Math.abs(year)).padStart(4, '0');
  return `${year < 0 ? '-' : ''}${digits}${date.toISOString().slice(-'-MM-DDThh:mm:ss.sssZ'.length, -'.sssZ'.length)}+00:00`;
}

/**
 * Seconds since 1970 of an xsd:dateTime; undefined where it is none or has no time zone, which KMIP demands. Fractions of
 * a second are dropped. KMIP Profiles 2.1 sections 5.4.1.6.11 and 5.5.1.6.11.
 */
export function parseDateTime(text: string): bigint | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const field = (index: number) => Number(match[index] ?? 0);
  const date = new Date(0);
  date.setUTCFullYear(field(1), field(2) - 1, field(3));
  date.setUTCHours(field(4), field(5), field(6), 0);
  const offsetMinutes = field(8) * 60 + field(9);
  // A Date carries the 30th of February over into March.
  const exact =
    date.getUTCMonth() === field(2) - 1 &&
    date.getUTCDate() === field(3) &&
    date.getUTCHours() === field(4) &&
    date.getUTCMinutes() === field(5) &&
    date.getUTCSeconds() === field(6);
  if (!exact || field(9) > 59 || offsetMinutes > MAX_OFFSET_MINUTES) return undefined;
  return BigInt(date.getTime() / 1000 - (match[7] === '-' ? -1 : 1) * offsetMinutes * 60);
}

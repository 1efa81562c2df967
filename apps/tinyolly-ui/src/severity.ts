import type { SeverityLevel } from './model';

/** OpenTelemetry's severity ranges: the lowest number of each level. */
export const severityFloors = [
  { level: 'trace', floor: 1 },
  { level: 'debug', floor: 5 },
  { level: 'info', floor: 9 },
  { level: 'warn', floor: 13 },
  { level: 'error', floor: 17 },
  { level: 'fatal', floor: 21 },
] as const satisfies readonly { level: SeverityLevel; floor: number }[];

export function severityLevel(severityNumber: number): SeverityLevel {
  return severityFloors.findLast(({ floor }) => severityNumber >= floor)?.level ?? 'unset';
}

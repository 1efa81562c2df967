/** Most rows that the backend sends at once. */
export const maxRows = 1000;
export const firstRows = 100;

/** Row limit after `show more`. */
export function moreRows(rows: number, most = maxRows): number {
  return Math.min(rows * 2, most);
}

/** How many rows are left out when only `shown` of `total` are drawn. */
export function hiddenRows(total: number, shown: number): number {
  return Math.max(total - shown, 0);
}

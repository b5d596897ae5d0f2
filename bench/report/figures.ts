/** Numbers as people read them: three digits that count, thousands apart. */

export function figure(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size === 0 ? 2 : 3);
}

export function times(ratio: number | null): string {
  return ratio === null ? '–' : `${ratio.toFixed(2)}×`;
}

export function range(pair: readonly [number, number] | null, shown: (value: number) => string = figure): string {
  return pair === null ? '' : `${shown(pair[0])}–${shown(pair[1])}`;
}

/** Along an axis, where the values are round. */
export function tickText(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
}

/** Figures as people read them. Pure. */

export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let rest = value;
  for (; rest >= 1024 && unit < units.length - 1; unit++) rest /= 1024;
  return `${unit === 0 ? rest : rest.toFixed(1)} ${units[unit]}`;
}

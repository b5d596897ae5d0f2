/** Numbers, times and keys as people read them. Pure. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function count(value: number): string {
  return whole.format(value);
}

/** Of things per second, or milliseconds: three digits are enough, large ones in full. */
export function rate(value: number | null): string {
  if (value === null) return '–';
  return Math.abs(value) >= 1000 ? whole.format(value) : short.format(value);
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${(unit === 0 ? whole : short).format(rest)} ${units[unit]}`;
}

/** 75 → `1 min 15 s` */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function percent(share: number): string {
  return `${short.format(share * 100)} %`;
}

export function timeOfDay(iso: string): string {
  return new Date(iso).toLocaleTimeString('en-GB');
}

/** A key as redis-cli shows it: what is no text as \xNN. */
export function keyText(key: string | { base64: string }): string {
  if (typeof key === 'string') return key.replace(/[\u0000-\u001f\u007f]/g, (c) => hex(c.charCodeAt(0)));
  return [...atob(key.base64)].map((c) => (/[ -~]/.test(c) ? c : hex(c.charCodeAt(0)))).join('');
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

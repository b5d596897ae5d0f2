/** How findings and reports say things. */
import { number } from '../observe/figures.js';

export function percent(part: number, whole: number): string {
  if (whole === 0) return '0 %';
  const share = (part / whole) * 100;
  return share > 0 && share < 1 ? '<1 %' : `${Math.round(share)} %`;
}

/** At most `most` of them, and how many more there are. */
export function some(texts: readonly string[], most = 8): string {
  if (texts.length <= most) return texts.join(', ');
  return `${texts.slice(0, most).join(', ')} and ${number(texts.length - most)} more`;
}

/** A key as a person reads it; bytes that are no text are escaped. */
export function keyText(key: Buffer): string {
  const text = key.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(key) && !/[\p{Cc}]/u.test(text);
  const shown = isText
    ? text
    : [...key].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : hex(byte))).join('');
  return shown.length > 80 ? `${shown.slice(0, 77)}…` : shown;
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** "CLIENT KILL", as users write what INFO calls `client|kill`. */
export function spokenWithCalls(name: string, calls: number): string {
  return `${name.toUpperCase().replace('|', ' ')} (${number(calls)})`;
}

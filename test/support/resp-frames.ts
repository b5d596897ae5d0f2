/**
 * Where RESP2 and RESP3 values end, for test tools that pass them on. Written without looking at Ferry's own scanners, so
 * that a fault there does not hide here. No limits, no errors: what comes from a real server or from Ferry is taken as
 * well-formed.
 */

const CR = 13;

/** The offset behind the value that begins at `at`, or -1 when it is not complete. */
export function frameEnd(bytes: Buffer, at: number): number {
  const line = bytes.indexOf(CR, at);
  if (line < 0 || line + 1 >= bytes.length) return -1;
  const next = line + 2;
  const kind = String.fromCharCode(bytes[at] ?? 0);
  if (!'$=!*~>%|'.includes(kind)) return next;
  const length = Number(bytes.toString('latin1', at + 1, line));
  if (length < 0) return next;
  if ('$=!'.includes(kind)) return next + length + 2 <= bytes.length ? next + length + 2 : -1;
  const parts = kind === '%' ? 2 * length : kind === '|' ? 2 * length + 1 : length;
  let end = next;
  for (let i = 0; i < parts && end >= 0; i++) end = frameEnd(bytes, end);
  return end;
}

/** The bulk strings of one complete command. */
export function textsOf(command: Buffer): string[] {
  const texts: string[] = [];
  let at = command.indexOf(CR) + 2;
  while (at < command.length) {
    const line = command.indexOf(CR, at);
    const length = Number(command.toString('latin1', at + 1, line));
    texts.push(command.toString('latin1', line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
  return texts;
}

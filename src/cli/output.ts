/**
 * What the verbs print: results on stdout, everything else on stderr. With `--json` stdout gets one document.
 */
import { writeFileSync } from 'node:fs';
import type { Status } from '../admin/control.js';
import { ConfigError } from '../config/errors.js';
import { Refused } from './client.js';
import { statusText } from './status-text.js';

let hasPrinted = false;

/** Something is on stdout already. */
export function isPrinted(): boolean {
  return hasPrinted;
}

export function print(text: string): void {
  hasPrinted = true;
  process.stdout.write(`${text}\n`);
}

export function printJson(document: unknown): void {
  print(JSON.stringify(document, null, 2));
}

export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function printStatus(status: Status, json: boolean): void {
  if (json) printJson(status);
  else print(statusText(status));
}

/**
 * Runs a step. If it is refused, the blockers are printed (with `json` as the document), the exit code is 1 and the
 * result null.
 */
export async function attempt<T>(json: boolean, step: () => Promise<T>): Promise<T | null> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (json) printJson({ error: error.message, blockers: error.blockers });
    else tell(refusalText(error));
    process.exitCode = error.exitCode;
    return null;
  }
}

export function refusalText(refused: Refused): string {
  return [refused.message, ...refused.blockers.map(({ code, message }) => `  ${code}: ${message}`)].join('\n');
}

/** @throws ConfigError when that cannot be */
export function writePage(path: string, page: string): void {
  try {
    writeFileSync(path, page);
  } catch (error) {
    throw new ConfigError(`--html: ${path} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
  }
  tell(`The report is in ${path}.`);
}

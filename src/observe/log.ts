/**
 * The log: one JSON object per line on stderr, by pino; stdout belongs to the command's own output.
 *
 * Every finished line is redacted, whatever it was made of, so an error of some library that quotes a connection
 * string does no harm. Writing is synchronous: the last line before a crash is the one that matters, and nothing logs
 * once per command.
 */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { redactUrl } from './redact.js';

export type { Logger } from 'pino';

const STDERR = 2;
const SECRET_FIELDS = ['password', 'token', 'authorization'];

export function createLogger(level: string, to: DestinationStream = destination({ dest: STDERR, sync: true })): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '***' },
      hooks: { streamWrite: redactUrl },
    },
    to,
  );
}

/** For tests and for parts that are given no log. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}

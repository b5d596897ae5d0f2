/**
 * Errors that end the process before it serves anyone.
 *
 * The message is one sentence for a person at a terminal. It never contains a password: whoever builds it from a URL
 * uses `redactUrl` first.
 */

/** 1 a check fell short or a step was refused · 2 usage or configuration · 3 unreachable */
export type FailureCode = 1 | 2 | 3;

export class StartError extends Error {
  readonly exitCode: FailureCode;

  constructor(exitCode: FailureCode, message: string) {
    super(message);
    this.name = 'StartError';
    this.exitCode = exitCode;
  }
}

/** A wrong option, environment variable, file or URL: exit code 2. */
export class ConfigError extends StartError {
  constructor(message: string) {
    super(2, message);
    this.name = 'ConfigError';
  }
}

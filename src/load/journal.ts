/**
 * How far a load has come, in a file: whoever starts it again with the same journal goes on there.
 *
 * It is replaced as a whole (written beside it, then renamed), so that a kill at any moment leaves the old or the new one.
 * It says a little less than is true: what was acknowledged since it was written is loaded again.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError, StartError } from '../config/errors.js';

const schema = z.strictObject({
  /** what is loaded, and how */
  load: z.string(),
  offset: z.number().int().min(0),
  db: z.number().int().min(0),
  at: z.string(),
});

export interface ResumePoint {
  /** everything in front of it is acknowledged */
  readonly offset: number;
  /** the database that was selected there */
  readonly db: number;
}

export class Journal {
  private written = -1;

  /** `load` tells one load from another. */
  constructor(
    private readonly path: string,
    private readonly load: string,
  ) {}

  /** Null: it does not exist. @throws ConfigError if it is of another load, or unreadable */
  read(): ResumePoint | null {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      throw new ConfigError(`The journal ${this.path} cannot be read: ${code}.`);
    }
    const found = schema.safeParse(parsed(text));
    if (!found.success) throw new ConfigError(`${this.path} is no journal of a load: name another file.`);
    if (found.data.load !== this.load) {
      throw new ConfigError(
        `The journal ${this.path} belongs to another load (${found.data.load}): name another file, or delete it.`,
      );
    }
    return found.data;
  }

  write({ offset, db }: ResumePoint): void {
    if (offset === this.written) return;
    const beside = `${this.path}.new`;
    try {
      writeFileSync(beside, `${JSON.stringify({ load: this.load, offset, db, at: new Date().toISOString() })}\n`);
      renameSync(beside, this.path);
    } catch (error) {
      throw new StartError(2, `The journal ${this.path} cannot be written: ${(error as NodeJS.ErrnoException).code}.`);
    }
    this.written = offset;
  }

  /** Everything is loaded. */
  remove(): void {
    rmSync(this.path, { force: true });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * What is migrated at all: `--include`, `--exclude`, `--include-dbs`, `--exclude-dbs`. Pure.
 *
 * A key is migrated if its database is, some pattern of `include` matches its name (or there is none), and no pattern of
 * `exclude` does. The name is the client's, without what a `db-prefix` puts in front of it.
 *
 * A key that is left out belongs to each side by itself: the authority serves it, and Ferry never copies, mirrors, compares
 * or deletes it on the other side, whatever is there under its name.
 */
import { matchesGlob } from './glob.js';

export interface ScopeOptions {
  /** Glob-style patterns, as of SCAN MATCH; none: every name. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Database numbers; none: every database. */
  readonly includeDbs: readonly number[];
  readonly excludeDbs: readonly number[];
}

export const EVERYTHING: ScopeOptions = { include: [], exclude: [], includeDbs: [], excludeDbs: [] };

export class Scope {
  /** Not every key of a database that is migrated is. */
  readonly hasPatterns: boolean;
  private readonly include: readonly Buffer[];
  private readonly exclude: readonly Buffer[];
  private readonly includeDbs: ReadonlySet<number>;
  private readonly excludeDbs: ReadonlySet<number>;

  private constructor(readonly options: ScopeOptions) {
    this.include = options.include.map((pattern) => Buffer.from(pattern));
    this.exclude = options.exclude.map((pattern) => Buffer.from(pattern));
    this.includeDbs = new Set(options.includeDbs);
    this.excludeDbs = new Set(options.excludeDbs);
    this.hasPatterns = this.include.length + this.exclude.length > 0;
  }

  /** Null: everything is migrated, and nothing needs to be asked. */
  static of(options: ScopeOptions): Scope | null {
    return scopeText(options) === '' ? null : new Scope(options);
  }

  hasDb(db: number): boolean {
    return (this.includeDbs.size === 0 || this.includeDbs.has(db)) && !this.excludeDbs.has(db);
  }

  /** By its name alone, in a database that is migrated. */
  hasName(buf: Uint8Array, start: number, end: number): boolean {
    if (!this.hasPatterns) return true;
    const { include, exclude } = this;
    let isIn = include.length === 0;
    for (let i = 0; i < include.length && !isIn; i++) isIn = matchesGlob(include[i]!, buf, start, end);
    for (let i = 0; i < exclude.length && isIn; i++) isIn = !matchesGlob(exclude[i]!, buf, start, end);
    return isIn;
  }

  has(db: number, buf: Uint8Array, start = 0, end = buf.length): boolean {
    return this.hasDb(db) && this.hasName(buf, start, end);
  }
}

/** As it is written on a command line, '' for everything; two of the same meaning and order read the same. */
export function scopeText({ include, exclude, includeDbs, excludeDbs }: ScopeOptions): string {
  const parts: [string, readonly (string | number)[]][] = [
    ['include', include],
    ['exclude', exclude],
    ['include-dbs', [...includeDbs].sort((a, b) => a - b)],
    ['exclude-dbs', [...excludeDbs].sort((a, b) => a - b)],
  ];
  return parts
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `--${name} ${values.map(written).join(',')}`)
    .join(' ');
}

/** In quotes where it would read as several. */
function written(value: string | number): string {
  return /[,"\s\\]/.test(String(value)) ? JSON.stringify(value) : String(value);
}

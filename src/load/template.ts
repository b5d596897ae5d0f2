/**
 * `user:{id}` with a record's values → bytes. `{{` and `}}` stand for the braces themselves, so that
 * `user:{{{id}}}` makes a hash tag: `user:{7}`.
 */
import { ConfigError } from '../config/errors.js';

/** A record's value by its name; undefined: the record has none. */
export type Lookup = (name: string) => Buffer | undefined;

const CONTROL = /\{\{|\}\}|\{([^{}]+)\}|[{}]/g;

export class Template {
  /** Literal bytes, and the names of values. */
  private readonly parts: readonly (Buffer | string)[];
  readonly names: readonly string[];

  /** @throws ConfigError; `flag` is the option that it comes from */
  constructor(flag: string, text: string) {
    const parts: (Buffer | string)[] = [];
    let literal = '';
    let from = 0;
    for (const match of text.matchAll(CONTROL)) {
      literal += text.slice(from, match.index);
      from = match.index + match[0].length;
      if (match[0] === '{{' || match[0] === '}}') {
        literal += match[0][0];
      } else if (match[1] === undefined) {
        throw new ConfigError(
          `--${flag} '${text}' has a single '${match[0]}': write {name} for a value and {{ or }} for a brace.`,
        );
      } else {
        if (literal !== '') parts.push(Buffer.from(literal));
        literal = '';
        parts.push(match[1]);
      }
    }
    literal += text.slice(from);
    if (literal !== '') parts.push(Buffer.from(literal));
    this.parts = parts;
    this.names = parts.filter((part) => typeof part === 'string');
  }

  /** The name of a value that the record lacks is returned as text. */
  fill(lookup: Lookup): Buffer | string {
    const filled: Buffer[] = [];
    for (const part of this.parts) {
      const bytes = typeof part === 'string' ? lookup(part) : part;
      if (bytes === undefined) return part as string;
      filled.push(bytes);
    }
    return filled.length === 1 ? filled[0]! : Buffer.concat(filled);
  }
}

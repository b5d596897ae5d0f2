/**
 * A record (a row of CSV, an object of JSONL) → the commands that store it.
 *
 *   string   SET key value [EX ttl]
 *   hash     HSET key field value …          the fields are the record's own, or those of --fields
 *   list     RPUSH key value                 in the file's order
 *   set      SADD key value
 *   zset     ZADD key score value
 *   stream   XADD key id field value …       id `*` unless --id says another
 * Whatever but a string gets its time to live by an EXPIRE behind it.
 */
import { ConfigError } from '../config/errors.js';
import { encodeCommand } from '../resp/encode.js';
import { Template } from './template.js';

export const TYPES = ['string', 'hash', 'list', 'set', 'zset', 'stream'] as const;
export type StoredType = (typeof TYPES)[number];

export interface ShapeOptions {
  readonly as: StoredType;
  readonly key: string;
  /** string, list, set, zset */
  readonly value?: string;
  /** zset */
  readonly score?: string;
  /** stream */
  readonly id?: string;
  /** seconds, or a template for them; a record without that value gets none */
  readonly ttl?: string;
  /** hash, stream */
  readonly fields?: readonly string[];
}

export interface Row {
  get(name: string): Buffer | undefined;
  /** names and values in turn */
  all(): Buffer[];
}

const WITH_FIELDS: ReadonlySet<StoredType> = new Set<StoredType>(['hash', 'stream']);

/** A record that cannot be stored; the message says why. */
export class Misshapen extends Error {
  override readonly name = 'Misshapen';
}

export class Shape {
  private readonly as: StoredType;
  private readonly key: Template;
  private readonly value: Template | null;
  private readonly score: Template | null;
  private readonly id: Template;
  private readonly ttl: Template | null;
  private readonly fields: readonly { name: string; bytes: Buffer }[] | null;

  /** @throws ConfigError for options that do not go together */
  constructor(options: ShapeOptions) {
    const { as } = options;
    const given = (name: 'value' | 'score' | 'ttl'): Template | null =>
      options[name] === undefined ? null : new Template(name, options[name]);
    this.as = as;
    this.key = new Template('key', options.key);
    this.value = given('value');
    this.score = given('score');
    this.ttl = given('ttl');
    this.id = new Template('id', options.id ?? '*');
    this.fields = options.fields?.map((name) => ({ name, bytes: Buffer.from(name) })) ?? null;
    const wantsValue = !WITH_FIELDS.has(as);
    if (wantsValue && this.value === null) throw new ConfigError(`--as ${as} needs --value, such as --value '{name}'.`);
    if (!wantsValue && this.value !== null) throw new ConfigError(`--as ${as} takes --fields and not --value.`);
    if (wantsValue && this.fields !== null) throw new ConfigError(`--as ${as} takes --value and not --fields.`);
    if ((as === 'zset') !== (this.score !== null)) {
      throw new ConfigError(
        as === 'zset' ? "--as zset needs --score, such as --score '{points}'." : '--score is for --as zset.',
      );
    }
    if (as !== 'stream' && options.id !== undefined) throw new ConfigError('--id is for --as stream.');
    if (this.ttl !== null && this.ttl.names.length === 0 && !/^[1-9]\d*$/.test(options.ttl!)) {
      throw new ConfigError(`--ttl: expected seconds, or a value's name in braces, not '${options.ttl}'.`);
    }
  }

  /** What the options ask of every record, for a format that knows its columns beforehand. */
  get names(): string[] {
    const templates = [this.key, this.value, this.score, this.id, this.ttl];
    return [...templates.flatMap((template) => template?.names ?? []), ...(this.fields ?? []).map(({ name }) => name)];
  }

  /** One command, or two. @throws Misshapen */
  commands(row: Row): Buffer[] {
    const key = filled(this.key, row);
    const ttl = this.ttlOf(row);
    switch (this.as) {
      case 'string': {
        const value = filled(this.value!, row);
        return [encodeCommand(ttl === null ? ['SET', key, value] : ['SET', key, value, 'EX', ttl])];
      }
      case 'hash':
        return withTtl(['HSET', key, ...this.fieldsOf(row)], key, ttl);
      case 'list':
        return withTtl(['RPUSH', key, filled(this.value!, row)], key, ttl);
      case 'set':
        return withTtl(['SADD', key, filled(this.value!, row)], key, ttl);
      case 'zset':
        return withTtl(['ZADD', key, filled(this.score!, row), filled(this.value!, row)], key, ttl);
      case 'stream':
        return withTtl(['XADD', key, filled(this.id, row), ...this.fieldsOf(row)], key, ttl);
    }
  }

  private ttlOf(row: Row): Buffer | null {
    if (this.ttl === null) return null;
    const bytes = this.ttl.fill((name) => row.get(name));
    return typeof bytes === 'string' || bytes.length === 0 ? null : bytes;
  }

  private fieldsOf(row: Row): Buffer[] {
    const found =
      this.fields === null
        ? row.all()
        : this.fields.flatMap(({ name, bytes }) => {
            const value = row.get(name);
            return value === undefined ? [] : [bytes, value];
          });
    if (found.length === 0) throw new Misshapen('the record has none of the fields');
    return found;
  }
}

function filled(template: Template, row: Row): Buffer {
  const bytes = template.fill((name) => row.get(name));
  if (typeof bytes === 'string') throw new Misshapen(`the record has no '${bytes}'`);
  return bytes;
}

function withTtl(args: (Buffer | string)[], key: Buffer, ttl: Buffer | null): Buffer[] {
  const command = encodeCommand(args);
  return ttl === null ? [command] : [command, encodeCommand(['EXPIRE', key, ttl])];
}

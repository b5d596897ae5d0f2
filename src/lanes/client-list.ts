/**
 * CLIENT LIST's text: one connection per line, fields as `name=value` with blanks between them.
 * https://redis.io/commands/client-list
 */
export interface ListedClient {
  readonly id: number;
  /** host:port, or the path of a unix socket */
  readonly address: string;
  readonly name: string;
  /** '' before Redis 6.0 */
  readonly user: string;
  /** its last command as the server calls it; NULL before the first */
  readonly command: string;
  readonly flags: string;
  readonly idleSeconds: number;
  readonly ageSeconds: number;
}

export function parseClientList(text: string): ListedClient[] {
  const found: ListedClient[] = [];
  for (const line of text.split('\n')) {
    const fields = new Map<string, string>();
    for (const field of line.trimEnd().split(' ')) {
      const at = field.indexOf('=');
      if (at > 0) fields.set(field.slice(0, at), field.slice(at + 1));
    }
    if (!fields.has('id')) continue;
    const text = (name: string): string => fields.get(name) ?? '';
    found.push({
      id: Number(text('id')),
      address: text('addr'),
      name: text('name'),
      user: text('user'),
      command: text('cmd'),
      flags: text('flags'),
      idleSeconds: Number(text('idle')),
      ageSeconds: Number(text('age')),
    });
  }
  return found;
}

/** Is it a connection of servers among themselves: a replica, a master, a sentinel, or a slot on its way? */
export function isOfServers({ flags, name, command }: ListedClient): boolean {
  return /[SM]/.test(flags) || /^sentinel-[0-9a-f]+-(cmd|pubsub)$/.test(name) || command === 'restore-asking';
}

/** It connected a moment ago and has not said who it is: it may be one of Ferry's own, before its name. */
export function isNewcomer({ name, command, ageSeconds }: ListedClient): boolean {
  return name === '' && ageSeconds <= 1 && (command === 'NULL' || command === 'hello' || command === 'auth');
}

/** As a person reads it: `10.0.0.7:51234 (billing, user app)`. */
export function clientText({ address, name, user }: Pick<ListedClient, 'address' | 'name' | 'user'>): string {
  const more = [name, user === '' || user === 'default' ? '' : `user ${user}`].filter((part) => part !== '');
  return more.length === 0 ? address : `${address} (${more.join(', ')})`;
}

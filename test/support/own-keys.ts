/** The keys of a server that are data: Ferry's own ones (the lease) are not. */
export function isOwn(key: string): boolean {
  return key.startsWith('__ferry:');
}

/** Of one database, asked with `KEYS *` and read by `names`. */
export function withoutOwn(names: readonly string[]): string[] {
  return names.filter((name) => !isOwn(name));
}

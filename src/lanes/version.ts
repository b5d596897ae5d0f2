/** What a server's version says: servers differ in ways that no list of commands tells. */

/** `version` as INFO's redis_version has it; an unknown one ('') is older than any. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

/** One field of an INFO answer, '' when it is not there. https://redis.io/commands/info */
export function infoField(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
}

/** INFO with a section more. https://redis.io/commands/info */

/** The server's reply (a bulk or a verbatim string) with `section` at its end; an error as it is. */
export function withSection(reply: Buffer, section: string): Buffer {
  const lineEnd = reply.indexOf('\r\n');
  const type = reply.toString('latin1', 0, 1);
  if (type !== '$' && type !== '=') return reply;
  const text = Buffer.concat([reply.subarray(lineEnd + 2, -2), Buffer.from(`\r\n${section}`)]);
  return Buffer.concat([Buffer.from(`${type}${text.length}\r\n`), text, reply.subarray(-2)]);
}

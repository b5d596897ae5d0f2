/** INFO with a section more. https://redis.io/commands/info */

/** The server's reply with `section` at its end; an error as it is. */
export function withSection(reply: Buffer, section: string): Buffer {
  return editText(reply, (text) => Buffer.concat([text, Buffer.from(`\r\n${section}`)]));
}

/** A bulk or a verbatim string (with its `txt:`) with another text; any other reply as it is. */
export function editText(reply: Buffer, edit: (text: Buffer) => Buffer): Buffer {
  const lineEnd = reply.indexOf('\r\n');
  const type = reply.toString('latin1', 0, 1);
  if (type !== '$' && type !== '=') return reply;
  const text = edit(reply.subarray(lineEnd + 2, -2));
  return Buffer.concat([Buffer.from(`${type}${text.length}\r\n`), text, reply.subarray(-2)]);
}

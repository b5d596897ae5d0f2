/** Arguments → a multibulk frame with the spans that the command folder's functions read. */
export interface Frame {
  readonly frame: Buffer;
  readonly argc: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export function frameOf(args: readonly (string | Buffer)[]): Frame {
  const pieces: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  const starts = new Int32Array(args.length);
  const ends = new Int32Array(args.length);
  let at = pieces[0]?.length ?? 0;
  args.forEach((arg, i) => {
    const bytes = Buffer.from(arg);
    const head = Buffer.from(`$${bytes.length}\r\n`);
    pieces.push(head, bytes, Buffer.from('\r\n'));
    starts[i] = at + head.length;
    ends[i] = at + head.length + bytes.length;
    at += head.length + bytes.length + 2;
  });
  return { frame: Buffer.concat(pieces), argc: args.length, starts, ends };
}

/** "XGROUP CREATE k g $" → its arguments; '' stands for an empty one. */
export function words(line: string): string[] {
  return line.split(' ').map((word) => (word === "''" ? '' : word));
}

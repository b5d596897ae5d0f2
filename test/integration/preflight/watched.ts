/** A server under MONITOR: every command that it is sent, by name, until `stop`. */
import { connect, type Socket } from 'node:net';
import { text, Wire } from '../journey/wire.js';

export class Watched {
  private text = '';

  private constructor(
    private readonly port: number,
    private readonly socket: Socket,
  ) {
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
  }

  static async open(port: number): Promise<Watched> {
    const socket = connect(port, '127.0.0.1');
    const watched = new Watched(port, socket);
    socket.write('MONITOR\r\n');
    while (!watched.text.includes('+OK')) await new Promise((resolve) => setTimeout(resolve, 5));
    return watched;
  }

  /** The commands that the server itself flags as writes, of all that were sent; and how many there were. */
  async stop(): Promise<{ writes: string[]; seen: Set<string> }> {
    const wire = await Wire.open(this.port);
    await wire.send('ECHO', 'the end');
    while (!this.text.includes('the end')) await new Promise((resolve) => setTimeout(resolve, 5));
    this.socket.destroy();
    const sent = [...this.text.matchAll(/^\+[\d.]+ \[[^\]]*\] "([^"]*)"(?: "([^"]*)")?/gm)];
    const writes: string[] = [];
    const seen = new Set<string>();
    for (const [, name = '', sub = ''] of sent) {
      const command = name.toLowerCase();
      seen.add(command);
      // of a container the subcommand says it; COMMAND answers null for what is none
      const described = text(await wire.send('COMMAND', 'INFO', `${command}|${sub.toLowerCase()}`));
      const told = described === '[null]' ? text(await wire.send('COMMAND', 'INFO', command)) : described;
      if (/"write"/.test(told)) writes.push(`${name} ${sub}`);
    }
    wire.close();
    return { writes, seen };
  }
}

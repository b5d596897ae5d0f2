/**
 * The connections over which a test deployment is run: one to each node, opened when it is first asked.
 *
 * An error reply is an exception here, unlike on a bare Wire, since an order that a node refused is a fault of the
 * test. A connection that failed is forgotten; the next question opens another.
 */
import { text, Wire, type WireReply } from '../integration/journey/wire.js';

export class NodeWires {
  private readonly opened = new Map<number, Promise<Wire>>();

  constructor(private readonly password: string | undefined) {}

  async ask(port: number, ...args: (string | number | Buffer)[]): Promise<WireReply> {
    let wire = this.opened.get(port);
    if (wire === undefined) {
      wire = this.open(port);
      this.opened.set(port, wire);
    }
    let reply: WireReply;
    try {
      reply = await (await wire).send(...args);
    } catch (error) {
      if (this.opened.get(port) === wire) this.opened.delete(port);
      throw error;
    }
    if (reply instanceof Error) throw new Error(`${args.join(' ')} on port ${port}: ${reply.message}`);
    return reply;
  }

  async askText(port: number, ...args: (string | number | Buffer)[]): Promise<string> {
    return text(await this.ask(port, ...args));
  }

  /** After a node was started again: its old connection is over, even if nobody has noticed. */
  forget(port: number): void {
    const wire = this.opened.get(port);
    this.opened.delete(port);
    wire?.then(closeWire, () => {});
  }

  close(): void {
    for (const port of [...this.opened.keys()]) this.forget(port);
  }

  private async open(port: number): Promise<Wire> {
    const wire = await Wire.open(port);
    if (this.password !== undefined) {
      const answer = text(await wire.send('AUTH', this.password));
      if (answer !== 'OK') throw new Error(`AUTH on port ${port} was answered ${answer}`);
    }
    return wire;
  }
}

function closeWire(wire: Wire): void {
  wire.close();
}

/** One field of an INFO or CLUSTER INFO text; '' if it is not there. */
export function infoField(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
}

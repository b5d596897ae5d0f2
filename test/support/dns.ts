/**
 * A real DNS server on a loopback port, over UDP, for tests that need names to change while they look.
 *
 *   a name that was set, A         its addresses in order, TTL 0: nobody may keep them
 *   a name that was set, others    NOERROR without answers (AAAA among them)
 *   any other name                 NXDOMAIN
 *
 * Names are compared without regard to case. One question per packet, no EDNS, no TCP: some 25 addresses fit.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const HEADER_BYTES = 12;
const TYPE_A = 1;
const CLASS_IN = 1;
/** Where the question's name stands: answers refer to it. */
const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;

/** A response (QR), with authority (AA), recursion available (RA); RD and the opcode are the question's. */
const RESPONSE_FLAGS = 0x8480;
const COPIED_FLAGS = 0x7900;
const NXDOMAIN = 3;

interface Question {
  readonly name: string;
  readonly type: number;
  /** of the question, in the packet */
  readonly end: number;
}

export class DnsServer {
  private asked = 0;
  private readonly addresses = new Map<string, readonly string[]>();

  private constructor(private readonly socket: Socket) {
    socket.on('message', (packet, from) => {
      this.asked++;
      socket.send(this.answer(packet), from.port, from.address);
    });
  }

  static async open(): Promise<DnsServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(socket);
  }

  /** As `Resolver.setServers` takes it. */
  get address(): string {
    const { address, port } = this.socket.address();
    return `${address}:${port}`;
  }

  /** Questions so far, of every type and for every name. */
  get queries(): number {
    return this.asked;
  }

  /** From the next question on; no addresses at all: the name exists, and leads nowhere. */
  set(name: string, ips: readonly string[]): void {
    this.addresses.set(name.toLowerCase(), ips);
  }

  /** From the next question on the name does not exist. */
  unset(name: string): void {
    this.addresses.delete(name.toLowerCase());
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }

  private answer(packet: Buffer): Buffer {
    const { name, type, end } = readQuestion(packet);
    const known = this.addresses.get(name);
    const ips = type === TYPE_A ? (known ?? []) : [];
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt16BE(packet.readUInt16BE(0), 0); // the question's id
    const flags = RESPONSE_FLAGS | (packet.readUInt16BE(2) & COPIED_FLAGS);
    header.writeUInt16BE(flags | (known === undefined ? NXDOMAIN : 0), 2);
    header.writeUInt16BE(1, 4); // questions
    header.writeUInt16BE(ips.length, 6); // answers
    return Buffer.concat([header, packet.subarray(HEADER_BYTES, end), ...ips.map(addressRecord)]);
  }
}

/** The name is labels, each after its length, to an empty one; type and class follow. */
function readQuestion(packet: Buffer): Question {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = packet[at]!; length > 0; length = packet[at]!) {
    labels.push(packet.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: packet.readUInt16BE(at + 1), end: at + 5 };
}

function addressRecord(ip: string): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt16BE(POINTER_TO_QUESTION, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(0, 6); // TTL
  record.writeUInt16BE(4, 10); // bytes of the address
  record.set(ip.split('.').map(Number), 12);
  return record;
}

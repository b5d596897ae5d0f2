/**
 * The steps of a command's way that are Ferry's own and need no server, one by one:
 *
 *   scan       64 pipelined requests in one chunk, as the socket gives them → spans (GET; SET of 64 bytes)
 *   reply      64 replies in one chunk → where each ends
 *   look-up    the name's bytes → the command
 *   slot       the key's bytes → its slot
 *   ledger     a write admitted, replied, finished
 *   read again the frame of an effect and its keys, as the mirror does before it derives: what a replayed write costs
 *   derive     SET … EX → SET … PXAT, on top of that: the one that makes new arguments
 */
import { findKeys, KeyList } from '../../src/commands/keys.js';
import { CommandTable } from '../../src/commands/table.js';
import { Operation } from '../../src/ledger/operation.js';
import { SlotLedger } from '../../src/ledger/slots.js';
import { Derivation } from '../../src/mirror/derivation.js';
import { deriverOf } from '../../src/mirror/derivers/index.js';
import { ReplyScanner } from '../../src/resp/reply.js';
import { ArgReader, COMMAND, RequestScanner } from '../../src/resp/request.js';
import { keySlot } from '../../src/topology/crc16.js';
import type { Contestant } from './rounds.js';

export interface Step extends Contestant {
  /** what one of it may allocate, bytes; what measuring may show is not in it */
  readonly mayAllocate: number;
}

/** In one chunk. */
const BATCH = 64;
const VALUE = 'v'.repeat(64);
const OK = Buffer.from('+OK\r\n');
/** Arguments of their own, and two slices of the frame. */
const DERIVED_BYTES = 600;

const keyOf = (i: number): string => `key:${String(i * 7919).padStart(12, '0')}`;
const many = <T>(make: (i: number) => T): T[] => Array.from({ length: BATCH }, (_, i) => make(i));

export function commandSteps(): Step[] {
  const gets = many((i) => request('GET', keyOf(i)));
  const sets = many((i) => request('SET', keyOf(i), VALUE));
  return [
    scanning('scan GET', Buffer.from(gets.join(''))),
    scanning('scan SET', Buffer.from(sets.join(''))),
    replies(),
    lookUps(),
    slots(),
    ledger(),
    readAgain(Buffer.from(sets.join('')), sets[0]!.length),
    deriving(),
  ];
}

function request(...args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

function scanning(name: string, chunk: Buffer): Step {
  const scanner = new RequestScanner();
  return {
    name,
    mayAllocate: 0,
    run(count) {
      let scanned = 0;
      while (scanned < count) {
        scanner.push(chunk);
        while (scanner.next() === COMMAND) scanned++;
      }
    },
  };
}

function replies(): Step {
  const scanner = new ReplyScanner();
  const chunk = Buffer.from(`$${VALUE.length}\r\n${VALUE}\r\n`.repeat(BATCH));
  return {
    name: 'reply',
    mayAllocate: 0,
    run(count) {
      for (let scanned = 0; scanned < count; ) {
        for (let from = 0; from < chunk.length; scanned++) from = scanner.scan(chunk, from, chunk.length);
      }
    },
  };
}

function lookUps(): Step {
  const table = CommandTable.offline();
  const frame = Buffer.from('GETsetHGETALLzaddMGETincr');
  const starts = [0, 3, 6, 13, 17, 21].map((start) => Int32Array.of(start));
  const ends = [3, 6, 13, 17, 21, 25].map((end) => Int32Array.of(end));
  return {
    name: 'look-up',
    mayAllocate: 0,
    run(count) {
      for (let i = 0, name = 0; i < count; i++) {
        if (table.lookup(frame, 1, starts[name]!, ends[name]!) === null) throw new Error('a command is not there');
        if (++name === starts.length) name = 0;
      }
    },
  };
}

function slots(): Step {
  const keys = many((i) => Buffer.from(keyOf(i)));
  let sum = 0;
  return {
    name: 'slot',
    mayAllocate: 0,
    run(count) {
      for (let i = 0; i < count; i++) {
        const key = keys[i & (BATCH - 1)]!;
        sum = (sum + keySlot(key, 0, key.length)) | 0;
      }
      // used, so that it is computed
      if (sum === -1) throw new Error('a sum of slots is negative');
    },
  };
}

class Write extends Operation {
  launches = 0;

  launch(): void {
    this.launches++;
  }
}

function ledger(): Step {
  const slotLedger = new SlotLedger();
  const writes = many((i) => {
    const write = new Write();
    write.slot = keySlot(Buffer.from(keyOf(i)), 0, keyOf(i).length);
    write.laneId = 1;
    return write;
  });
  return {
    name: 'ledger',
    mayAllocate: 0,
    run(count) {
      for (let done = 0; done < count; done += BATCH) {
        for (let i = 0; i < BATCH; i++) slotLedger.admit(writes[i]!);
        for (let i = 0; i < BATCH; i++) slotLedger.replied(writes[i]!);
        for (let i = 0; i < BATCH; i++) slotLedger.finish(writes[i]!);
      }
    },
  };
}

function readAgain(frames: Buffer, length: number): Step {
  const args = new ArgReader();
  const keys = new KeyList();
  const set = CommandTable.offline().byName('set')!;
  return {
    name: 'read again SET',
    mayAllocate: 0,
    run(count) {
      for (let i = 0; i < count; i++) {
        const start = (i & (BATCH - 1)) * length;
        args.read(frames, start, start + length);
        if (!findKeys(set, args.frame, args.argc, args.starts, args.ends, keys)) throw new Error('SET has no key');
      }
    },
  };
}

function deriving(): Step {
  const derivation = new Derivation();
  const frame = Buffer.from(request('SET', keyOf(1), VALUE, 'EX', '100'));
  const derive = deriverOf(CommandTable.offline().byName('set')!);
  let sent = 0;
  derivation.output = { send: () => sent++, verbatim() {}, copyKeys() {}, copyKeyIn() {} };
  derivation.reply = OK;
  derivation.replyEnd = OK.length;
  derivation.nowMs = 1_700_000_000_000;
  return {
    name: 'derive SET EX',
    mayAllocate: DERIVED_BYTES,
    run(count) {
      const before = sent;
      for (let i = 0; i < count; i++) {
        derivation.args.read(frame, 0, frame.length);
        derive(derivation);
      }
      if (sent !== before + count) throw new Error('SET EX was not derived');
    },
  };
}

/** A command on a connection of its own, under its client's identity: SCRIPT KILL must not wait behind the script. */
import { errorReply } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request.js';
import type { Session } from './session.js';

/** Resolves to the server's reply. */
export function askAlone(session: Session, scanner: RequestScanner): Promise<Buffer> {
  const { pins } = session.board.authority;
  const pin = pins.take(session.identity, session.db, session.resp);
  const frame = Buffer.from(scanner.frame.subarray(scanner.frameStart, scanner.frameEnd));
  return new Promise((resolve) => {
    const entry = {
      streams: false,
      onReply(buf: Buffer, start: number, end: number): void {
        pins.giveBack(pin);
        resolve(Buffer.from(buf.subarray(start, end)));
      },
      onPiece(): void {},
      onLost(): void {
        pins.discard(pin);
        resolve(errorReply(session.refusalText(pin.lane)));
      },
    };
    pin.lane.send(entry, frame, 0, frame.length);
  });
}

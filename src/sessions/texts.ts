/** Error replies in Redis' own words, and Ferry's. Shared constants where nothing varies. */
import { errorReply } from '../resp/encode.js';

export const EXEC_WITHOUT_MULTI = errorReply('ERR EXEC without MULTI');
export const DISCARD_WITHOUT_MULTI = errorReply('ERR DISCARD without MULTI');
export const NESTED_MULTI = errorReply('ERR MULTI calls can not be nested');
export const WATCH_INSIDE_MULTI = errorReply('ERR WATCH inside MULTI is not allowed');
export const EXECABORT = errorReply('EXECABORT Transaction discarded because of previous errors.');
export const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');
export const NOAUTH = errorReply('NOAUTH Authentication required.');
export const HELLO_NOAUTH = errorReply(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
);
export const SYNTAX = errorReply('ERR syntax error');
export const UNBLOCKED = errorReply('UNBLOCKED client unblocked via CLIENT UNBLOCK');
/** With `on-uncertain error`: it may have been executed or not. */
export const UNCERTAIN = errorReply('UNCERTAIN the connection to the server was lost before it answered this write');
/** The same, where nothing was executed, or nothing that matters. */
export const UNREACHABLE = errorReply('FERRY the server cannot be reached, and the command was not executed');

const SHOWN_BYTES = 128;

/** Redis 7: the name, and the first arguments until 128 bytes of them were shown. */
export function unknownCommand(argc: number, arg: (i: number) => Buffer): Buffer {
  let shown = '';
  for (let i = 1; i < argc && shown.length < SHOWN_BYTES; i++) {
    shown += `'${printed(arg(i)).slice(0, SHOWN_BYTES - shown.length)}' `;
  }
  return saying(`unknown command '${printed(arg(0)).slice(0, SHOWN_BYTES)}', with args beginning with: ${shown}`);
}

/** Redis 7, for a container command whose subcommand nobody knows. */
export function unknownSubcommand(container: string, subcommand: Buffer): Buffer {
  const shown = printed(subcommand).slice(0, SHOWN_BYTES);
  return saying(`unknown subcommand '${shown}'. Try ${container.toUpperCase()} HELP.`);
}

export function helloSyntax(option: Buffer): Buffer {
  return saying(`Syntax error in HELLO option '${printed(option)}'`);
}

/** As C prints it: up to its first NUL. One character per byte. */
function printed(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}

/** One character per byte; an error is one line. */
function saying(text: string): Buffer {
  return Buffer.from(`-ERR ${text.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1');
}

export function wrongArity(name: string): Buffer {
  return errorReply(`ERR wrong number of arguments for '${name}' command`);
}

/** The mirror's databases would be others than those that its keys are for. */
export const SWAPDB_WHILE_MIRRORING = errorReply(
  'FERRY SWAPDB is refused: while a mirror follows, the two databases would be swapped under its keys',
);

/** EXEC itself was answered with that error. */
export function execAborted(error: Buffer): Buffer {
  const reason = error.toString('latin1').replace(/^-(ERR )?/, '');
  return Buffer.from(`-EXECABORT Transaction discarded because of: ${reason}`, 'latin1');
}

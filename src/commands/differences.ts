/**
 * What Ferry answers otherwise than the authority would, on purpose: the one list of it.
 *
 * docs/compatibility.md shows it, and the equality test accepts nothing else. `commands` names them as the table does;
 * where only some forms of a command differ, `when` says which.
 */
export interface Difference {
  readonly commands: readonly string[];
  /** In a sentence: what the client sees. */
  readonly what: string;
  readonly why: string;
  /** Lines the last of which shows it, for the test; `whileMirrored`: only while a mirror follows. */
  readonly example?: readonly { readonly lines: readonly string[]; readonly whileMirrored?: true }[];
}

const list = (names: string): readonly string[] => names.split(' ');

export const DIFFERENCES: readonly Difference[] = [
  {
    commands: list('client|id client|info client|list client|kill client|unblock hello'),
    what: "ids, addresses and counts are those of Ferry's clients",
    why: "the servers' connections are shared by clients and are nobody's business",
  },
  {
    commands: list('info'),
    what: 'a section `# Ferry` is added to INFO without arguments, INFO all and INFO everything; INFO ferry gives it alone',
    why: 'so that any client can ask how the migration stands',
    example: [{ lines: ['INFO ferry'] }],
  },
  {
    commands: list('scan hscan sscan zscan'),
    what: 'while the target has the authority, cursors have bit 47 set (not inside MULTI)',
    why: 'a scan that spans a cutover must begin anew on the other server',
  },
  {
    commands: list('monitor'),
    what: "shows what the authority executes, with Ferry's addresses and its own commands among it",
    why: "it is the server's stream",
  },
  {
    commands: list('client|tracking'),
    what: 'CLIENT TRACKING ON is refused',
    why: 'invalidation messages of two servers cannot be told apart yet',
    example: [{ lines: ['CLIENT TRACKING ON'] }],
  },
  {
    commands: list('swapdb'),
    what: 'refused while a mirror follows',
    why: "the two databases would be swapped under the mirror's keys",
    example: [{ lines: ['SWAPDB 0 1'], whileMirrored: true }],
  },
  {
    commands: list('multi'),
    what: 'what the server itself refuses in a transaction (NOPERM, OOM) is told at EXEC, not when it is queued',
    why: 'commands are queued in Ferry and reach the server together with EXEC',
  },
  {
    commands: list('multi'),
    what: 'commands that Ferry answers itself (below) are refused inside MULTI, but for PING, WAIT, UNWATCH, RESET and QUIT',
    why: "they would change the state of a connection that clients share; Ferry's own commands cannot be part of it",
    example: ['SELECT 1', 'CLIENT ID', 'SUBSCRIBE c', 'AUTH a b'].map((line) => ({ lines: ['MULTI', line] })),
  },
  {
    commands: list('move copy'),
    what: 'a database that the mirror cannot have is refused',
    why: 'what cannot be mirrored must not happen while a mirror follows',
  },
];

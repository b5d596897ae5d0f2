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
    commands: list(
      'cluster|slots cluster|shards cluster|nodes cluster|info cluster|myid cluster|myshardid cluster|keyslot cluster|replicas cluster|slaves cluster|links cluster|count-failure-reports cluster|help readonly readwrite asking',
    ),
    what: 'while either side is a Cluster, Ferry answers them itself (not inside MULTI): one node, Ferry, has all 16384 slots, its bus port is 0 and its epoch is that of the migration; CLUSTER HELP leaves out what Ferry refuses',
    why: 'clients must come to Ferry and not to the servers, and which side has the authority must not show',
  },
  {
    commands: list('readonly'),
    what: 'with `replica-reads`, and while a Cluster has the authority (but not in `target-read`), reads of one slot may be answered by a replica, behind its master; scripts, cursors, transactions and reads of several slots are not. Without the option READONLY changes nothing',
    why: 'that is what READONLY asks for; a client may miss what it has just written itself',
  },
  {
    commands: list('info hello'),
    what: 'while either side is a Cluster, INFO (not inside MULTI) says `cluster_enabled:1` and `redis_mode:cluster`, and HELLO says mode `cluster`, also of a standalone authority',
    why: 'clients look there whether they speak to a Cluster',
  },
  {
    commands: list('cluster|countkeysinslot cluster|getkeysinslot'),
    what: 'refused while either side is a Cluster and a standalone server has the authority',
    why: 'such a server does not keep its keys by slot',
  },
  {
    commands: list('select move copy'),
    what: 'while a Cluster is a side of a mirrored phase, databases that it cannot hold are refused; those with a `db-prefix` are held',
    why: 'a Cluster has one database',
  },
  {
    commands: list('keys scan dbsize randomkey info'),
    what: "leave out Ferry's own key, `__ferry:lease` (not inside MULTI, nor in scripts)",
    why: 'it is none of the data',
  },
  {
    commands: list('dbsize randomkey flushdb cluster|countkeysinslot cluster|getkeysinslot move copy'),
    what: 'refused in every database while a Cluster with `db-prefix` has the authority (COPY only to another database)',
    why: 'several databases share the Cluster, and it cannot tell their keys apart; KEYS and SCAN can, and show those of one',
  },
  {
    commands: list('sort sort_ro eval evalsha eval_ro evalsha_ro fcall fcall_ro acl|dryrun swapdb'),
    what: "in a database behind a `db-prefix`, while the Cluster has the authority, refused: SORT with patterns, scripts without keys, ACL DRYRUN, SWAPDB, modules' commands; scripts get their KEYS with the prefix; while it is either side, replayed scripts are refused",
    why: 'only what is known to be a key can be given its prefix',
  },
  {
    commands: list('info slowlog|get monitor'),
    what: 'show keys with their `db-prefix`, and all of them in database 0, while the Cluster has the authority; so do keyspace notifications',
    why: "it is the server's own view",
  },
  {
    commands: list('scan hscan sscan zscan'),
    what: 'while the target has the authority, cursors have bit 47 set (not inside MULTI)',
    why: 'a scan that spans a cutover must begin anew on the other server',
  },
  {
    commands: list('mget mset del unlink exists touch'),
    what: 'with keys in several slots of a Cluster, Ferry asks each slot for its part and puts the reply together; the Cluster itself would answer CROSSSLOT. Parts are executed one by one: another client may see some of them done and some not',
    why: 'clients of one server use them with any keys',
  },
  {
    commands: list(
      'dbsize keys scan randomkey flushall flushdb script|load script|exists script|flush script|kill function|load function|delete function|flush function|restore function|kill pubsub|channels pubsub|numsub pubsub|numpat pubsub|shardchannels pubsub|shardnumsub memory|purge slowlog|reset latency|reset',
    ),
    what: 'of a Cluster all masters are asked, and their answers become one',
    why: 'clients see one server',
  },
  {
    commands: list(
      'info config|get slowlog|get slowlog|len latency|latest latency|history latency|doctor memory|stats memory|doctor role time lastsave acl|log function|list function|dump function|stats command echo',
    ),
    what: 'of a Cluster one master answers, for itself',
    why: 'what they tell cannot be added up, or is the same everywhere',
  },
  {
    commands: list('watch'),
    what: 'on a Cluster, keys in several slots are refused (CROSSSLOT), and so is a transaction in another slot than what is watched, also where one node serves them all',
    why: 'the slots may be served by different nodes at the next moment',
  },
  {
    commands: list('monitor'),
    what: "shows what the authority executes, with Ferry's addresses and its own commands among it; of a Cluster the streams of all masters",
    why: "it is the server's stream",
  },
  {
    commands: list('ssubscribe sunsubscribe'),
    what: 'on a Cluster, one client may subscribe to channels of several slots, also in one command, and stays subscribed when a slot moves (a node would say CROSSSLOT, MOVED, or `sunsubscribe`)',
    why: 'Ferry has all slots, as one server does',
  },
  {
    commands: list('subscribe psubscribe'),
    what: 'on a Cluster, keyspace events of every master are heard (of a node one would hear its own)',
    why: 'as those of one server would be',
  },
  {
    commands: list('client|tracking'),
    what: 'CLIENT TRACKING ON is refused',
    why: 'invalidation messages of two servers cannot be told apart yet',
    example: [{ lines: ['CLIENT TRACKING ON'] }],
  },
  {
    commands: list('blpop brpop blmove brpoplpush blmpop bzpopmin bzpopmax bzmpop xread xreadgroup'),
    what: 'who waits is served when the reply to the write that wakes them has come, behind what its sender sent in one go with it: of two LPUSHes in one pipeline BLPOP may get the second, and both are answered as if nobody had waited',
    why: 'the waiting is done in Ferry, so that it outlives a cutover; the authority is asked again for what is there then',
  },
  {
    commands: list('publish spublish'),
    what: 'with RESP3, who is subscribed to the channel that it publishes to may get the message behind the reply',
    why: 'messages and replies come over two connections',
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

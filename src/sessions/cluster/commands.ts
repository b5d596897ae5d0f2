/**
 * CLUSTER …, READONLY, READWRITE and ASKING while clients see a Cluster (presents.ts).
 *
 * Ferry owns every slot, so nothing is ever redirected and every topology is the same one node. What a client asks of
 * the keys in a slot goes to the authority, where that is a Cluster itself: no other server keeps them by slot.
 * READONLY only notes that the client is content with a replica's answers; ASKING answers a redirection that Ferry
 * never gives. Whether a user may call them is the server's to say (rights.ts). https://redis.io/commands/?group=cluster
 */
import { spoken } from '../../commands/kinds.js';
import type { Command } from '../../commands/table.js';
import { ANY_NODE } from '../../lanes/command-lane.js';
import { arrayReply, bulkReply, errorReply, integerReplyBytes, OK, ZERO } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request.js';
import { keySlot, SLOT_COUNT } from '../../topology/crc16.js';
import { pass } from '../forward.js';
import { refuse } from '../refusal.js';
import { mayCall } from '../rights.js';
import type { Session } from '../session.js';
import { NO_BUCKET } from '../slot-reads.js';
import { nodeSeenFrom } from './node.js';
import { HELP, infoReply, nodesReply, shardsReply, slotsReply } from './topology.js';

const ANSWERED: ReadonlySet<string> = new Set([
  ...'slots shards nodes myid myshardid info keyslot countkeysinslot getkeysinslot replicas slaves links'
    .split(' ')
    .map((name) => `cluster|${name}`),
  ...'cluster|count-failure-reports cluster|help readonly readwrite asking'.split(' '),
]);

/** Is it one that `clusterCommand` answers? */
export function isClusterCommand({ name }: Command): boolean {
  return ANSWERED.has(name);
}

/** One of them; it exists and has the right number of arguments. False: it must wait for what the server says. */
export function clusterCommand(session: Session, command: Command, scanner: RequestScanner): boolean {
  const { name } = command;
  const { board, resp } = session;
  const isAboutKeys = name === 'cluster|countkeysinslot' || name === 'cluster|getkeysinslot';
  if (isAboutKeys && board.authority.endpoint.kind === 'cluster') return passToSlot(session, command, scanner);
  const right = mayCall(session, command);
  if (right === null) return false;
  if (right !== true) return refuse(session, right);
  const node = nodeSeenFrom(session.localAddress, board);
  const say = (reply: Buffer): true => {
    session.replyNow(reply);
    return true;
  };
  switch (name) {
    case 'cluster|slots':
      return say(slotsReply(node, resp));
    case 'cluster|shards':
      return say(shardsReply(node, resp));
    case 'cluster|nodes':
      return say(nodesReply(node, resp));
    case 'cluster|info':
      return say(infoReply(node, resp));
    case 'cluster|myid':
      return say(bulkReply(node.id));
    case 'cluster|myshardid':
      return say(bulkReply(node.shardId));
    case 'cluster|keyslot':
      return say(integerReplyBytes(keySlot(scanner.frame, scanner.starts[2]!, scanner.ends[2]!)));
    case 'cluster|links':
      return say(arrayReply([]));
    case 'cluster|help':
      return say(HELP);
    case 'cluster|replicas':
    case 'cluster|slaves':
      return scanner.text(2) === node.id ? say(arrayReply([])) : refuse(session, unknownNode(scanner.text(2)));
    case 'cluster|count-failure-reports':
      return scanner.text(2) === node.id ? say(ZERO) : refuse(session, unknownNode(scanner.text(2)));
    case 'readonly':
      session.readsReplicas = true;
      return say(OK);
    case 'readwrite':
      session.readsReplicas = false;
      return say(OK);
    case 'asking':
      return say(OK);
    default:
      return refuse(session, notBySlot(name));
  }
}

/** To the node of the authority that has the slot. */
function passToSlot(session: Session, command: Command, scanner: RequestScanner): true {
  const slot = scanner.text(2);
  const isSlot = /^\d{1,5}$/.test(slot) && Number(slot) < SLOT_COUNT;
  return pass(session, command, scanner, NO_BUCKET, null, isSlot ? Number(slot) : ANY_NODE);
}

function unknownNode(id: string): Buffer {
  return errorReply(`ERR Unknown node ${id}`);
}

function notBySlot(name: string): Buffer {
  return errorReply(`FERRY ${spoken(name)} is refused: the keys of a slot cannot be told on a standalone server`);
}

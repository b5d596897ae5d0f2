/**
 * The topology of a Cluster of one node that owns every slot, in the words of CLUSTER SLOTS, SHARDS, NODES and INFO.
 *
 * Shapes, names and order are those of Redis 7.0; there is no cluster bus, so its port is 0 and no message was ever
 * sent. https://redis.io/commands/cluster-slots, -shards, -nodes, -info
 */
import { arrayReply, bulkReply, integerReplyBytes, mapReply, verbatimReply } from '../../resp/encode.js';
import type { Resp } from '../../resp/values.js';
import { SLOT_COUNT } from '../../topology/crc16.js';
import type { ClusterNode } from './node.js';

const FIRST_SLOT = integerReplyBytes(0);
const LAST_SLOT = integerReplyBytes(SLOT_COUNT - 1);

/** [[first, last, [host, port, id, metadata]]]: metadata is a map, empty here. */
export function slotsReply({ host, port, id }: ClusterNode, resp: Resp): Buffer {
  const node = arrayReply([bulkReply(host), integerReplyBytes(port), bulkReply(id), mapReply(resp, [])]);
  return arrayReply([arrayReply([FIRST_SLOT, LAST_SLOT, node])]);
}

/** [{slots: [first, last], nodes: [{…}]}] */
export function shardsReply({ host, port, id, isTls }: ClusterNode, resp: Resp): Buffer {
  const node = mapReply(resp, [
    ...[bulkReply('id'), bulkReply(id)],
    ...[bulkReply(isTls ? 'tls-port' : 'port'), integerReplyBytes(port)],
    ...[bulkReply('ip'), bulkReply(host)],
    ...[bulkReply('endpoint'), bulkReply(host)],
    ...[bulkReply('role'), bulkReply('master')],
    ...[bulkReply('replication-offset'), integerReplyBytes(0)],
    ...[bulkReply('health'), bulkReply('online')],
  ]);
  return arrayReply([
    mapReply(resp, [
      ...[bulkReply('slots'), arrayReply([FIRST_SLOT, LAST_SLOT])],
      ...[bulkReply('nodes'), arrayReply([node])],
    ]),
  ]);
}

/** One line: id, address@bus port, flags, master, ping, pong, epoch, link, slots. */
export function nodesReply({ host, port, id, epoch }: ClusterNode, resp: Resp): Buffer {
  return verbatimReply(resp, `${id} ${host}:${port}@0 myself,master - 0 0 ${epoch} connected 0-${SLOT_COUNT - 1}\n`);
}

export function infoReply({ epoch }: ClusterNode, resp: Resp): Buffer {
  const fields: readonly (readonly [string, string | number])[] = [
    ['cluster_state', 'ok'],
    ['cluster_slots_assigned', SLOT_COUNT],
    ['cluster_slots_ok', SLOT_COUNT],
    ['cluster_slots_pfail', 0],
    ['cluster_slots_fail', 0],
    ['cluster_known_nodes', 1],
    ['cluster_size', 1],
    ['cluster_current_epoch', epoch],
    ['cluster_my_epoch', epoch],
    ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0],
    ['total_cluster_links_buffer_limit_exceeded', 0],
  ];
  return verbatimReply(resp, fields.map(([name, value]) => `${name}:${value}\r\n`).join(''));
}

/** Of Redis' own text, the subcommands that can be called through Ferry. */
export const HELP: Buffer = arrayReply(
  [
    'CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
    'COUNT-FAILURE-REPORTS <node-id>',
    '    Return number of failure reports for <node-id>.',
    'COUNTKEYSINSLOT <slot>',
    '    Return the number of keys in <slot>.',
    'GETKEYSINSLOT <slot> <count>',
    '    Return key names stored by current node in a slot.',
    'INFO',
    '    Return information about the cluster.',
    'KEYSLOT <key>',
    '    Return the hash slot for <key>.',
    'MYID',
    '    Return the node id.',
    'NODES',
    '    Return cluster configuration seen by node. Output format:',
    '    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
    'REPLICAS <node-id>',
    '    Return <node-id> replicas.',
    'SLOTS',
    '    Return information about slots range mappings. Each range is made of:',
    '    start, end, master and replicas IP addresses, ports and ids',
    'SHARDS',
    '    Return information about slot range mappings and the nodes associated with them.',
    'LINKS',
    '    Return information about all network links between this node and its peers.',
    '    Output format is an array where each array element is a map containing attributes of a link',
    'HELP',
    '    Prints this help.',
  ].map((line) => Buffer.from(`+${line}\r\n`)),
);

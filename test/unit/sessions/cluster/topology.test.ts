/** What a Cluster of one node looks like, byte by byte as Redis 7.0.15 sends it (but for its bus port). */
import { describe, expect, it } from 'vitest';
import type { ClusterNode } from '../../../../src/sessions/cluster/node.js';
import { HELP, infoReply, nodesReply, shardsReply, slotsReply } from '../../../../src/sessions/cluster/topology.js';

const ID = '6076eed91871d141e5159d25cedbf0133e2635aa';
const NODE: ClusterNode = { id: ID, shardId: ID, host: '10.0.0.7', port: 6380, isTls: false, epoch: 12 };

/** Line ends are shown as spaces. */
function shown(reply: Buffer): string {
  return reply.toString('latin1').replaceAll('\r\n', ' ').trimEnd();
}

describe('CLUSTER SLOTS', () => {
  const head = `*1 *3 :0 :16383 *4 $8 10.0.0.7 :6380 $40 ${ID}`;
  it('ends in an empty list in RESP2', () => expect(shown(slotsReply(NODE, 2))).toBe(`${head} *0`));
  it('ends in an empty map in RESP3', () => expect(shown(slotsReply(NODE, 3))).toBe(`${head} %0`));
});

describe('CLUSTER SHARDS', () => {
  const slots = '$5 slots *2 :0 :16383 $5 nodes *1';
  const address = ':6380 $2 ip $8 10.0.0.7 $8 endpoint $8 10.0.0.7';
  const rest = '$4 role $6 master $18 replication-offset :0 $6 health $6 online';

  it('is made of flat lists in RESP2', () => {
    expect(shown(shardsReply(NODE, 2))).toBe(`*1 *4 ${slots} *14 $2 id $40 ${ID} $4 port ${address} ${rest}`);
  });

  it('is made of maps in RESP3', () => {
    expect(shown(shardsReply(NODE, 3))).toBe(`*1 %2 ${slots} %7 $2 id $40 ${ID} $4 port ${address} ${rest}`);
  });

  it('calls a port for TLS that', () => {
    expect(shown(shardsReply({ ...NODE, isTls: true }, 3))).toContain(` $8 tls-port ${address} `);
  });
});

describe('CLUSTER NODES', () => {
  const line = `${ID} 10.0.0.7:6380@0 myself,master - 0 0 12 connected 0-16383\n`;
  it('is a string in RESP2', () => {
    expect(nodesReply(NODE, 2).toString()).toBe(`$${line.length}\r\n${line}\r\n`);
  });
  it('is text for people in RESP3', () => {
    expect(nodesReply(NODE, 3).toString()).toBe(`=${line.length + 4}\r\ntxt:${line}\r\n`);
  });
  it('does not put IPv6 addresses in brackets: Redis does not', () => {
    expect(nodesReply({ ...NODE, host: '::1' }, 2).toString()).toContain(`${ID} ::1:6380@0 `);
  });
});

it('CLUSTER INFO is well and knows one node, with the epoch of the migration', () => {
  const fields = infoReply(NODE, 2).toString().split('\r\n').slice(1, -2);
  expect(fields).toEqual([
    'cluster_state:ok',
    'cluster_slots_assigned:16384',
    'cluster_slots_ok:16384',
    'cluster_slots_pfail:0',
    'cluster_slots_fail:0',
    'cluster_known_nodes:1',
    'cluster_size:1',
    'cluster_current_epoch:12',
    'cluster_my_epoch:12',
    'cluster_stats_messages_sent:0',
    'cluster_stats_messages_received:0',
    'total_cluster_links_buffer_limit_exceeded:0',
  ]);
  expect(infoReply(NODE, 3).toString()).toMatch(/^=\d+\r\ntxt:cluster_state:ok\r\n/);
});

it('CLUSTER HELP names nothing that Ferry refuses', () => {
  const lines = HELP.toString().split('\r\n').slice(0, -1);
  expect(lines.slice(0, 2)).toEqual([`*${lines.length - 1}`, expect.stringMatching(/^\+CLUSTER <subcommand>/)]);
  expect(HELP.toString()).not.toMatch(/MEET|FORGET|ADDSLOTS|FAILOVER|RESET|SETSLOT/);
});

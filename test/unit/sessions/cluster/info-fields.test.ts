/** INFO of a standalone server, shown as a Cluster's. */
import { expect, it } from 'vitest';
import { bulkReply, errorReply, verbatimReply } from '../../../../src/resp/encode.js';
import { withClusterFields } from '../../../../src/sessions/cluster/info-fields.js';

const SERVER = '# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nos:Linux\r\n';
const CLUSTER = '# Cluster\r\ncluster_enabled:0\r\n';

it.each([2, 3] as const)('changes the two fields and the length, in RESP%i', (resp) => {
  const changed = verbatimReply(
    resp,
    `${SERVER}\r\n${CLUSTER}`.replace('standalone', 'cluster').replace('enabled:0', 'enabled:1'),
  );
  expect(withClusterFields(verbatimReply(resp, `${SERVER}\r\n${CLUSTER}`)).toString()).toBe(changed.toString());
});

it('leaves alone what has neither, and what a Cluster says itself', () => {
  for (const text of [
    '',
    '# Clients\r\nconnected_clients:1\r\ncluster_connections:0\r\n',
    '# Server\r\nredis_mode:cluster\r\n\r\n# Cluster\r\ncluster_enabled:1\r\n',
    '# Server\r\nexecutable:/opt/redis_mode:standalone\r\n',
  ]) {
    expect(withClusterFields(bulkReply(text)).toString()).toBe(bulkReply(text).toString());
  }
});

it('leaves an error as it is, and every byte that is no ASCII', () => {
  const error = errorReply('NOPERM no: cluster_enabled:0');
  expect(withClusterFields(error)).toBe(error);
  const text = Buffer.from('# Server\r\nconfig_file:/\xff\xe9\r\ncluster_enabled:0\r\n', 'latin1');
  expect(withClusterFields(bulkReply(text)).toString('latin1')).toContain('config_file:/\xff\xe9\r\ncluster_enabled:1');
});

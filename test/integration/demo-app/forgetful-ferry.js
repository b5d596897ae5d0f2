/**
 * In Ferry's place, something that forwards every connection to the source and claims that the migration goes well. The
 * demo must convict it: nothing ever reaches the target.
 */
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';

const option = (name) => process.argv[process.argv.indexOf(`--${name}`) + 1];
const portOf = (address) => Number(address.split(':').at(-1));
const counts = { missing: 0, extra: 0, type: 0, value: 0, ttl: 0 };
const status = {
  phase: 'source-only',
  target: { state: 'up' },
  mirror: { backlogOps: 0, backlogBytes: 0, dirtyKeys: 0, dirtySlots: 0, uncertain: 0 },
  backfill: { state: 'idle', scanned: 0, copied: 0, failed: 0, estimated: 0, keysPerSecond: 0, etaSeconds: null },
  verify: { state: 'idle', compared: 0, differences: counts, clean: null, finishedAt: null },
  lastCutover: null,
};

createServer((client) => {
  const server = connect(portOf(option('source')), '127.0.0.1');
  client.pipe(server).pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
}).listen(portOf(option('listen')), '127.0.0.1');

function act(path, { to }) {
  if (path === '/api/phase') {
    status.lastCutover = { at: new Date().toISOString(), from: status.phase, to, pauseMs: 1 };
    status.phase = to;
  } else if (path === '/api/backfill') {
    status.backfill = { ...status.backfill, state: 'done', scanned: 1000, copied: 1000, estimated: 1000 };
  } else if (path === '/api/verify') {
    status.verify = { ...status.verify, state: 'done', clean: true, finishedAt: new Date().toISOString() };
  }
}

createHttpServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    act(request.url, body === '' ? {} : JSON.parse(body));
    response.setHeader('content-type', 'application/json').end(JSON.stringify(status));
  });
}).listen(portOf(option('admin')), '127.0.0.1');

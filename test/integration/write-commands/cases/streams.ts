/** Streams and their consumer groups. */
import { BASE, COPY, OUTCOME, type WriteCase, writeCase } from '../write-case.js';

const TEN = Array.from({ length: 10 }, (_, i) => `XADD @s ${i + 1}-1 f v${i}`);
/** Two whole nodes of 100 entries and a part: what "~" can trim, and where it must stop. */
const LONG = Array.from({ length: 230 }, (_, i) => `XADD @s ${i + 1}-1 f v${i}`);
const GROUP = [...TEN, 'XGROUP CREATE @s g 0'];
/** 1-1 to 4-1 are pending for c1; 5-1 and on were never delivered. */
const PENDING = [...GROUP, 'XREADGROUP GROUP g c1 COUNT 4 STREAMS @s >'];

const ADDING: readonly WriteCase[] = [
  writeCase('xadd', 'any id new', OUTCOME, { run: 'XADD @s * f v', replyVaries: true }),
  writeCase('xadd', 'any id on a stream with a TTL', OUTCOME, {
    setup: [...TEN, 'EXPIRE @s 500'],
    run: 'XADD @s * f v g w',
    replyVaries: true,
  }),
  writeCase('xadd', 'explicit id', OUTCOME, { setup: TEN, run: 'XADD @s 50-7 f v' }),
  writeCase('xadd', 'explicit id without a sequence', OUTCOME, { setup: TEN, run: 'XADD @s 50 f v' }),
  writeCase('xadd', 'partial id', OUTCOME, { setup: TEN, run: ['XADD @s 10-* f v', 'XADD @s 10-* f w'] }),
  writeCase('xadd', 'id too small then good', OUTCOME, {
    setup: TEN,
    run: ['XADD @s 1-1 f v', 'XADD @s 11-1 f v'],
    fails: true,
  }),
  writeCase('xadd', 'NOMKSTREAM', OUTCOME, {
    setup: TEN,
    run: ['XADD @missing NOMKSTREAM * f v', 'XADD @s NOMKSTREAM * f v'],
    replyVaries: true,
  }),
  writeCase('xadd', 'MAXLEN', OUTCOME, { setup: TEN, run: 'XADD @s MAXLEN 5 * f v', replyVaries: true }),
  writeCase('xadd', 'MAXLEN = explicit id', OUTCOME, { setup: TEN, run: 'XADD @s MAXLEN = 3 60-1 f v' }),
  writeCase('xadd', 'MAXLEN 0', OUTCOME, { setup: TEN, run: 'XADD @s MAXLEN 0 * f v', replyVaries: true }),
  writeCase('xadd', 'MAXLEN ~', OUTCOME, { setup: LONG, run: 'XADD @s MAXLEN ~ 5 * f v', replyVaries: true }),
  writeCase('xadd', 'MAXLEN ~ LIMIT', OUTCOME, {
    setup: LONG,
    run: 'XADD @s MAXLEN ~ 5 LIMIT 100 * f v',
    replyVaries: true,
  }),
  writeCase('xadd', 'MAXLEN ~ nothing to trim', OUTCOME, {
    setup: TEN,
    run: 'XADD @s MAXLEN ~ 3 * f v',
    replyVaries: true,
  }),
  writeCase('xadd', 'MINID', OUTCOME, { setup: TEN, run: 'XADD @s MINID = 5-0 * f v', replyVaries: true }),
  writeCase('xadd', 'MINID ~ LIMIT 0', OUTCOME, {
    setup: LONG,
    run: 'XADD @s NOMKSTREAM MINID ~ 220-0 LIMIT 0 300-1 f v',
  }),
  writeCase('xtrim', 'MAXLEN', BASE, { setup: TEN, run: 'XTRIM @s MAXLEN 3' }),
  writeCase('xtrim', 'MAXLEN to nothing', BASE, { setup: TEN, run: 'XTRIM @s MAXLEN = 0' }),
  writeCase('xtrim', 'MAXLEN ~', OUTCOME, { setup: LONG, run: 'XTRIM @s MAXLEN ~ 20' }),
  writeCase('xtrim', 'MAXLEN ~ LIMIT', OUTCOME, { setup: LONG, run: 'XTRIM @s MAXLEN ~ 20 LIMIT 150' }),
  writeCase('xtrim', 'MINID', BASE, { setup: TEN, run: 'XTRIM @s MINID 4-1' }),
  writeCase('xtrim', 'MINID ~', OUTCOME, { setup: LONG, run: ['XTRIM @s MINID ~ 50', 'XTRIM @s MINID ~ 150'] }),
  writeCase('xdel', 'the middle', BASE, { setup: [...GROUP, 'EXPIRE @s 500'], run: 'XDEL @s 4-1 5-1 99-1' }),
  writeCase('xdel', 'the last', BASE, { setup: TEN, run: 'XDEL @s 10-1' }),
  writeCase('xsetid', 'last id', BASE, { setup: TEN, run: 'XSETID @s 20-3' }),
  writeCase('xsetid', 'ENTRIESADDED MAXDELETEDID', BASE, {
    setup: TEN,
    run: 'XSETID @s 20-3 ENTRIESADDED 100 MAXDELETEDID 19-0',
  }),
];

const GROUPS: readonly WriteCase[] = [
  writeCase('xgroup|create', 'at the start', BASE, { setup: [...TEN, 'EXPIRE @s 500'], run: 'XGROUP CREATE @s g 0' }),
  writeCase('xgroup|create', 'at the end', BASE, { setup: TEN, run: 'XGROUP CREATE @s g $' }),
  writeCase('xgroup|create', 'MKSTREAM', BASE, { run: 'XGROUP CREATE @s g $ MKSTREAM' }),
  writeCase('xgroup|create', 'ENTRIESREAD', BASE, { setup: TEN, run: 'XGROUP CREATE @s g 5-1 ENTRIESREAD 5' }),
  writeCase('xgroup|create', 'BUSYGROUP then another', BASE, {
    setup: GROUP,
    run: ['XGROUP CREATE @s g 0', 'XGROUP CREATE @s g2 3-1'],
    fails: true,
  }),
  writeCase('xgroup|createconsumer', 'new', BASE, { setup: GROUP, run: 'XGROUP CREATECONSUMER @s g c1' }),
  writeCase('xgroup|delconsumer', 'with pending entries', BASE, { setup: PENDING, run: 'XGROUP DELCONSUMER @s g c1' }),
  writeCase('xgroup|destroy', 'with pending entries', BASE, { setup: PENDING, run: 'XGROUP DESTROY @s g' }),
  writeCase('xgroup|setid', 'back', BASE, { setup: PENDING, run: 'XGROUP SETID @s g 2-1' }),
  writeCase('xgroup|setid', 'ENTRIESREAD', BASE, { setup: GROUP, run: 'XGROUP SETID @s g $ ENTRIESREAD 10' }),
  writeCase('xack', 'in part', BASE, { setup: PENDING, run: 'XACK @s g 1-1 3-1 9-1' }),
];

const READING: readonly WriteCase[] = [
  writeCase('xreadgroup', 'new entries', OUTCOME, { setup: GROUP, run: 'XREADGROUP GROUP g c1 STREAMS @s >' }),
  writeCase('xreadgroup', 'COUNT for two consumers', OUTCOME, {
    setup: [...GROUP, 'EXPIRE @s 500'],
    run: ['XREADGROUP GROUP g c1 COUNT 2 STREAMS @s >', 'XREADGROUP GROUP g c2 COUNT 3 STREAMS @s >'],
  }),
  writeCase('xreadgroup', 'NOACK', OUTCOME, {
    setup: GROUP,
    run: 'XREADGROUP GROUP g c1 COUNT 3 NOACK STREAMS @s >',
  }),
  writeCase('xreadgroup', 'two streams', OUTCOME, {
    setup: [...GROUP, 'XADD @t 7-7 f v', 'XGROUP CREATE @t g 0'],
    run: 'XREADGROUP GROUP g c1 COUNT 2 STREAMS @s @t > >',
  }),
  writeCase('xreadgroup', 'past a deleted entry', OUTCOME, {
    setup: [...GROUP, 'XDEL @s 2-1 4-1'],
    run: 'XREADGROUP GROUP g c1 COUNT 3 STREAMS @s >',
  }),
  writeCase('xreadgroup', 'two streams and nothing new in one', OUTCOME, {
    setup: [...GROUP, 'XADD @t 7-7 f v', 'XGROUP CREATE @t g $'],
    run: 'XREADGROUP GROUP g c1 COUNT 2 STREAMS @s @t > >',
  }),
  // Whether this makes the consumer depends on the server's version: 7.0 does not.
  writeCase(
    'xreadgroup',
    'nothing new then an entry',
    { known: 'outcome|copy|none outcome', unknown: 'copy|none copy|outcome' },
    {
      setup: [...TEN, 'XGROUP CREATE @s g $'],
      run: ['XREADGROUP GROUP g c1 STREAMS @s >', 'XADD @s 11-1 f v'],
    },
  ),
  writeCase('xreadgroup', 'history counts a delivery', OUTCOME, {
    setup: PENDING,
    run: ['XREADGROUP GROUP g c1 STREAMS @s 0', 'XREADGROUP GROUP g c1 COUNT 1 STREAMS @s 2-1'],
  }),
  writeCase('xreadgroup', 'history with deleted entries', OUTCOME, {
    setup: [...PENDING, 'XDEL @s 2-1'],
    run: 'XREADGROUP GROUP g c1 STREAMS @s 0',
  }),
  writeCase('xreadgroup', 'empty history makes the consumer', OUTCOME, {
    setup: PENDING,
    run: 'XREADGROUP GROUP g c2 STREAMS @s 0',
  }),
  writeCase('xreadgroup', 'NOGROUP then a group', OUTCOME, {
    setup: GROUP,
    run: ['XREADGROUP GROUP nobody c1 STREAMS @s >', 'XREADGROUP GROUP g c1 COUNT 1 STREAMS @s >'],
    fails: true,
  }),
];

const CLAIMING: readonly WriteCase[] = [
  writeCase('xclaim', 'two entries', OUTCOME, { setup: PENDING, run: 'XCLAIM @s g c2 0 1-1 3-1' }),
  writeCase('xclaim', 'JUSTID', OUTCOME, {
    setup: [...PENDING, 'EXPIRE @s 500'],
    run: 'XCLAIM @s g c2 0 1-1 3-1 JUSTID',
  }),
  writeCase('xclaim', 'IDLE', OUTCOME, { setup: PENDING, run: 'XCLAIM @s g c2 0 1-1 IDLE 60000' }),
  writeCase('xclaim', 'TIME', OUTCOME, { setup: PENDING, run: 'XCLAIM @s g c2 0 1-1 TIME {ms-90000}' }),
  writeCase('xclaim', 'RETRYCOUNT', OUTCOME, { setup: PENDING, run: 'XCLAIM @s g c2 0 1-1 RETRYCOUNT 17' }),
  writeCase('xclaim', 'FORCE', COPY, { setup: PENDING, run: 'XCLAIM @s g c2 0 1-1 8-1 99-1 FORCE' }),
  writeCase('xclaim', 'LASTID', OUTCOME, { setup: PENDING, run: 'XCLAIM @s g c2 0 2-1 LASTID 7-1' }),
  writeCase('xclaim', 'LASTID alone', COPY, { setup: PENDING, run: 'XCLAIM @s g c1 3600000 2-1 LASTID 8-1' }),
  writeCase('xclaim', 'all options', OUTCOME, {
    setup: PENDING,
    run: 'XCLAIM @s g c2 0 1-1 6-1 TIME {ms-30000} RETRYCOUNT 3 FORCE JUSTID LASTID 6-1',
  }),
  writeCase('xclaim', 'some are not idle enough', COPY, {
    setup: [...PENDING, 'XCLAIM @s g c1 0 2-1 4-1 IDLE 900000'],
    run: 'XCLAIM @s g c2 600000 1-1 2-1 3-1 4-1',
  }),
  writeCase('xclaim', 'some are not pending', COPY, { setup: PENDING, run: 'XCLAIM @s g c2 0 1-1 9-1' }),
  writeCase('xclaim', 'deleted entries leave the list', COPY, {
    setup: [...PENDING, 'XDEL @s 1-1 3-1'],
    run: 'XCLAIM @s g c2 0 1-1 2-1 3-1',
  }),
  writeCase('xclaim', 'only deleted entries', COPY, {
    setup: [...PENDING, 'XDEL @s 1-1'],
    run: 'XCLAIM @s g c2 0 1-1',
  }),
  writeCase('xautoclaim', 'all', OUTCOME, { setup: PENDING, run: 'XAUTOCLAIM @s g c2 0 0' }),
  writeCase('xautoclaim', 'COUNT', OUTCOME, {
    setup: [...PENDING, 'EXPIRE @s 500'],
    run: 'XAUTOCLAIM @s g c2 0 2 COUNT 2',
  }),
  writeCase('xautoclaim', 'JUSTID', OUTCOME, { setup: PENDING, run: 'XAUTOCLAIM @s g c2 0 0 JUSTID' }),
  writeCase('xautoclaim', 'some are not idle enough', OUTCOME, {
    setup: [...PENDING, 'XCLAIM @s g c1 0 2-1 4-1 IDLE 900000'],
    run: 'XAUTOCLAIM @s g c2 600000 0',
  }),
  writeCase('xautoclaim', 'deleted entries leave the list', OUTCOME, {
    setup: [...PENDING, 'XDEL @s 1-1 3-1'],
    run: 'XAUTOCLAIM @s g c2 0 0',
  }),
  writeCase('xautoclaim', 'only deleted entries', OUTCOME, {
    setup: [...GROUP, 'XREADGROUP GROUP g c1 COUNT 1 STREAMS @s >', 'XDEL @s 1-1'],
    run: 'XAUTOCLAIM @s g c2 0 0',
  }),
];

export const STREAM_CASES: readonly WriteCase[] = [...ADDING, ...GROUPS, ...READING, ...CLAIMING];

/** Sorted sets and geo indexes. */
import { BASE, COPY, type WriteCase, writeCase } from '../write-case.js';

const ABC = 'ZADD @z 1 a 2 b 3 c';
const LETTERS = 'ZADD @z 0 a 0 b 0 c 0 d';
/** More members than a listpack holds, scores that no short decimal writes. */
const LARGE = `ZADD @z ${Array.from({ length: 300 }, (_, i) => `${i / 3} member-${i}`).join(' ')}`;
const CITIES = 'GEOADD @g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 2.349014 48.864716 Paris';

export const SORTED_SET_CASES: readonly WriteCase[] = [
  writeCase('zadd', 'new', BASE, { run: 'ZADD @z 1.5 a -inf b +inf c -0 d 3e-300 e' }),
  writeCase('zadd', 'exact scores', BASE, {
    setup: [ABC, 'EXPIRE @z 500'],
    run: 'ZADD @z 0.30000000000000004 a 0.1 d 1e17 e',
  }),
  writeCase('zadd', 'on a large one', BASE, { setup: [LARGE], run: 'ZADD @z 1e9 member-7 5 new' }),
  writeCase('zadd', 'NX', BASE, { setup: [ABC], run: 'ZADD @z NX 9 a 9 d' }),
  writeCase('zadd', 'XX CH', BASE, { setup: [ABC], run: 'ZADD @z XX CH 9 a 9 d' }),
  writeCase('zadd', 'GT', BASE, { setup: [ABC], run: 'ZADD @z GT CH 9 a 0 b 5 d' }),
  writeCase('zadd', 'LT XX', BASE, { setup: [ABC], run: 'ZADD @z XX LT 9 a 0 b 5 d' }),
  writeCase('zadd', 'INCR', BASE, { setup: ['ZADD @z 0.1 a'], run: 'ZADD @z INCR 0.2 a' }),
  writeCase('zadd', 'NX INCR refused then done', BASE, {
    setup: [ABC],
    run: ['ZADD @z GT INCR -1 a', 'ZADD @z NX INCR 5 d'],
  }),
  writeCase('zincrby', 'a fraction', BASE, { setup: ['ZADD @z 0.1 a'], run: 'ZINCRBY @z 0.2 a' }),
  writeCase('zincrby', 'nothing', BASE, { run: 'ZINCRBY @z -3 a' }),
  writeCase('zrem', 'one', BASE, { setup: [ABC], run: 'ZREM @z a missing' }),
  writeCase('zrem', 'all', BASE, { setup: [ABC], run: 'ZREM @z a b c' }),
  writeCase('zremrangebylex', 'a range', BASE, { setup: [LETTERS], run: 'ZREMRANGEBYLEX @z [b (d' }),
  writeCase('zremrangebyrank', 'a range', BASE, { setup: [LARGE], run: 'ZREMRANGEBYRANK @z 5 -7' }),
  writeCase('zremrangebyscore', 'a range', BASE, { setup: [ABC, 'EXPIRE @z 500'], run: 'ZREMRANGEBYSCORE @z (1 +inf' }),
  writeCase('zpopmin', 'one of equals', BASE, { setup: [LETTERS], run: 'ZPOPMIN @z' }),
  writeCase('zpopmin', 'all', BASE, { setup: [ABC], run: 'ZPOPMIN @z 10' }),
  writeCase('zpopmax', 'count', BASE, { setup: [LARGE], run: 'ZPOPMAX @z 3' }),
  writeCase('zmpop', 'the second of two', BASE, { setup: [ABC], run: 'ZMPOP 2 @missing @z MIN' }),
  writeCase('zmpop', 'COUNT', BASE, {
    setup: [ABC, 'ZADD @y 1 x 2 y', 'EXPIRE @y 500'],
    run: 'ZMPOP 2 @y @z MAX COUNT 5',
  }),
  writeCase('zunionstore', 'WEIGHTS AGGREGATE', BASE, {
    setup: [ABC, 'ZADD @y 0.1 a 7 x', 'SET @d old PX 500000'],
    run: 'ZUNIONSTORE @d 2 @z @y WEIGHTS 0.1 3 AGGREGATE SUM',
  }),
  writeCase('zunionstore', 'with a plain set', BASE, {
    setup: [ABC, 'SADD @s a q'],
    run: 'ZUNIONSTORE @z 2 @z @s AGGREGATE MAX',
  }),
  writeCase('zinterstore', 'two', BASE, {
    setup: [LARGE, 'ZADD @y 0.7 member-1 1 x'],
    run: 'ZINTERSTORE @d 2 @z @y',
  }),
  writeCase('zinterstore', 'nothing removes', BASE, {
    setup: [ABC, 'ZADD @d 1 old'],
    run: 'ZINTERSTORE @d 2 @z @missing',
  }),
  writeCase('zdiffstore', 'two', BASE, { setup: [ABC, 'ZADD @y 5 a'], run: 'ZDIFFSTORE @d 2 @z @y' }),
  writeCase('zrangestore', 'by rank', BASE, { setup: [LARGE, 'RPUSH @d old'], run: 'ZRANGESTORE @d @z 10 20' }),
  writeCase('zrangestore', 'BYSCORE REV LIMIT', BASE, {
    setup: [LARGE],
    run: 'ZRANGESTORE @d @z 80 (20 BYSCORE REV LIMIT 2 5',
  }),
  writeCase('zrangestore', 'BYLEX', BASE, { setup: [LETTERS], run: 'ZRANGESTORE @d @z (a [c BYLEX' }),
  writeCase('zrangestore', 'nothing removes', BASE, { setup: [ABC, 'SET @d old'], run: 'ZRANGESTORE @d @z 50 60' }),
  writeCase('geoadd', 'new', BASE, { run: CITIES }),
  writeCase('geoadd', 'XX CH', BASE, { setup: [CITIES], run: 'GEOADD @g XX CH 13.4 38.1 Palermo 1 1 Nowhere' }),
  writeCase('geoadd', 'NX', BASE, {
    setup: [CITIES, 'EXPIRE @g 500'],
    run: 'GEOADD @g NX 13.4 38.1 Palermo 1 1 Nowhere',
  }),
  writeCase('geosearchstore', 'FROMLONLAT', BASE, {
    setup: [CITIES, 'SET @d old PX 500000'],
    run: 'GEOSEARCHSTORE @d @g FROMLONLAT 15 37 BYRADIUS 200 km ASC COUNT 3',
  }),
  writeCase('geosearchstore', 'STOREDIST FROMMEMBER', BASE, {
    setup: [CITIES],
    run: 'GEOSEARCHSTORE @d @g FROMMEMBER Palermo BYBOX 400 400 km STOREDIST',
  }),
  writeCase('georadius', 'STORE', COPY, { setup: [CITIES], run: 'GEORADIUS @g 15 37 200 km STORE @d' }),
  writeCase('georadius', 'STOREDIST over a key with a TTL', COPY, {
    setup: [CITIES, 'SET @d old PX 500000'],
    run: 'GEORADIUS @g 15 37 200 km COUNT 1 ASC STOREDIST @d',
  }),
  writeCase('georadiusbymember', 'STORE', COPY, {
    setup: [CITIES],
    run: 'GEORADIUSBYMEMBER @g Palermo 200 km STORE @d',
  }),
  writeCase('georadiusbymember', 'nothing removes', COPY, {
    setup: [CITIES, 'ZADD @d 1 old'],
    run: 'GEORADIUSBYMEMBER @missing Palermo 1 m STOREDIST @d',
  }),
];

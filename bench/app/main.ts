/**
 * The shop as a process: SHOP_REDIS_URL says where its Redis is, SHOP_HOST (127.0.0.1) and SHOP_PORT where to listen (0 or
 * nothing: a free port).
 *
 * Prints the address as one JSON line, `{"url": "http://127.0.0.1:…"}`, when it serves. Ends on SIGTERM, SIGINT, and
 * when the process that forked it goes away.
 */
import { buildServer } from './server.js';
import { Shop } from './shop.js';

const redisUrl = process.env.SHOP_REDIS_URL;
if (redisUrl === undefined) {
  console.error('SHOP_REDIS_URL is not set: the connection string of the Redis to use.');
  process.exit(2);
}

const shop = new Shop(redisUrl);
const server = buildServer(shop);
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));

await shop.open();
const url = await server.listen({
  host: process.env.SHOP_HOST ?? '127.0.0.1',
  port: Number(process.env.SHOP_PORT ?? 0),
});
console.log(JSON.stringify({ url }));
process.send?.({ url });

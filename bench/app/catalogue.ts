/**
 * What all users share: stock, views, rankings, reviews, coupons. Requests change these keys concurrently; commuting
 * increments and the replies themselves keep them decidable (see expectations.ts).
 */
import type { Store } from './store.js';

export const PRODUCTS = 200;
const STOCK = 1_000_000;
const FEEDS = 16;
const RANKING = 10;

export class Catalogue {
  constructor(private readonly store: Store) {}

  /** One MSET over every product. */
  async stockUp(): Promise<void> {
    const stock = new Map<string, number>();
    for (let product = 0; product < PRODUCTS; product++) stock.set(stockKey(product), STOCK);
    await this.store.write([], 1, this.store.redis().mset(stock));
    for (const key of stock.keys()) this.store.record.count(key, STOCK);
  }

  /** A counter, a hash of counters, and a HyperLogLog of visitors. */
  async view(product: number, user: string): Promise<{ views: number }> {
    const { store } = this;
    const views = store.record.count(`shop:views:${product}`);
    const daily = store.record.sums('shop:daily', 'hash');
    const acknowledged = views.sum;
    const redis = store.redis();
    const [count] = await Promise.all([
      store.write([views], 1, redis.incr(views.key)).then((reply) => {
        views.add(1);
        return reply;
      }),
      store.write([daily], 1, redis.hincrby(daily.key, `p${product}`, 1)).then(() => daily.add(`p${product}`, 1)),
      store.write([], 1, redis.pfadd(`shop:visitors:${product}`, user)),
    ]);
    store.record.mustReach(`INCR ${views.key}`, count, acknowledged + 1);
    return { views: count };
  }

  /** What came last and what came in which order, both decided by Redis alone: GETSET and RPUSH. */
  async review(product: number, user: string): Promise<{ review: string }> {
    const { store } = this;
    const latest = store.record.latest(`shop:review:${product}`);
    const feed = store.record.log(`shop:feed:${product % FEEDS}`);
    const review = `${store.next('r')} by ${user}`;
    const redis = store.redis();
    await Promise.all([
      store.write([latest], 1, redis.getset(latest.key, review)).then((before) => latest.set(review, before)),
      store.write([feed], 1, redis.rpush(feed.key, review)).then((length) => feed.push(review, length)),
    ]);
    return { review };
  }

  /** SET … NX: the first one wins the coupon, for ever. */
  async redeem(coupon: string, user: string): Promise<{ won: boolean }> {
    const first = this.store.record.firstComer(`shop:coupon:${coupon}`);
    const reply = await this.store.write([first], 1, this.store.redis().set(first.key, user, 'NX'));
    if (reply === 'OK') first.won(user);
    return { won: reply === 'OK' };
  }

  /** The most wanted products with their views: reads of one sorted set, then of many strings. */
  async top(): Promise<{ product: string; wanted: number; views: number }[]> {
    const { record } = this.store;
    const popular = record.sums('shop:popular', 'zset');
    const redis = this.store.redis();
    const ranking = await redis.zrevrange(popular.key, 0, RANKING - 1);
    if (ranking.length === 0) return [];
    const counts = ranking.map((line) => record.count(`shop:views:${line.slice(1)}`));
    const viewsAcknowledged = counts.map((count) => count.sum);
    const wantedAcknowledged = ranking.map((line) => popular.sum(line));
    const [views, scores] = await Promise.all([
      redis.mget(counts.map((count) => count.key)),
      Promise.all(ranking.map((line) => redis.zscore(popular.key, line))),
    ]);
    return ranking.map((product, i) => {
      const viewed = Number(views[i] ?? 0);
      const wanted = Number(scores[i] ?? 0);
      record.mustReach(`MGET ${counts[i]!.key}`, viewed, viewsAcknowledged[i]!);
      record.mustReach(`ZSCORE ${popular.key} ${product}`, wanted, wantedAcknowledged[i]!);
      return { product, wanted, views: viewed };
    });
  }

  /** One counter that every purchase touches, the hottest key of the shop, and the ranking. */
  async wanted(product: number, quantity: number): Promise<void> {
    const { store } = this;
    const popular = store.record.sums('shop:popular', 'zset');
    const additions = store.record.count('shop:additions');
    const line = `p${product}`;
    const redis = store.redis();
    await Promise.all([
      store.write([popular], 1, redis.zincrby(popular.key, quantity, line)).then(() => popular.add(line, quantity)),
      store.write([additions], 1, redis.incr(additions.key)).then(() => additions.add(1)),
    ]);
  }

  /** Takes from the stock by Lua, then books the sale by MULTI; hash tags let both do so on a Cluster too. */
  async sell(product: number, quantity: number): Promise<void> {
    const { store } = this;
    const stock = store.record.count(stockKey(product), STOCK);
    const reserved = store.record.count(`shop:{${product}}:reserved`);
    const reserving = store.redis().reserve(stock.key, reserved.key, quantity);
    const left = await store.write([stock, reserved], 1, reserving);
    if (left >= 0) {
      stock.add(-quantity);
      reserved.add(quantity);
    }
    const sold = store.record.sums('shop:{sales}:sold', 'hash');
    const turnover = store.record.count(`shop:{sales}:turnover:${product % 8}`);
    const line = `p${product}`;
    const booking = store
      .redis()
      .multi()
      .hincrby(sold.key, line, quantity)
      .incrby(turnover.key, quantity * 100)
      .exec();
    await store.transaction([sold, turnover], 2, booking);
    sold.add(line, quantity);
    turnover.add(quantity * 100);
  }
}

function stockKey(product: number): string {
  return `shop:{${product}}:stock`;
}

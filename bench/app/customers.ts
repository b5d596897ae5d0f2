/**
 * What belongs to one user: session, profile, cart, recently seen, wishlist, orders, last visit.
 *
 * A user's requests take turns, so every reply must be exactly what the record says, reads included. A request that
 * fails half-way leaves all of its user's keys undecided.
 */
import type { Catalogue } from './catalogue.js';
import type { Fields } from './expectations.js';
import type { Store } from './store.js';
import { Turns } from './turns.js';

const SESSION_TTL_SECONDS = 1800;
const RATE_WINDOW_SECONDS = 10;
const RECENT_PRODUCTS = 10;
const PRICE = 0.25;

export class Customers {
  private readonly turns = new Turns();

  constructor(
    private readonly store: Store,
    private readonly catalogue: Catalogue,
  ) {}

  /**
   * MULTI over a string with a deadline and a hash; a second MULTI keeps a rate limit that lives for seconds; an MSET of
   * two keys without a common hash tag, which a Cluster has in two slots.
   */
  login(user: string): Promise<{ session: string; logins: number }> {
    return this.inTurn(user, async ({ session, profile, seen, device }) => {
      const { store } = this;
      const rate = store.record.fleeting(`shop:{${user}}:rate`, RATE_WINDOW_SECONDS * 1000);
      const token = store.next(`${user}-`);
      const redis = store.redis();
      const sentAtMs = Date.now();
      const [[, , logins]] = await Promise.all([
        store.transaction(
          [session, profile],
          3,
          redis
            .multi()
            .set(session.key, token, 'EX', SESSION_TTL_SECONDS)
            .hset(profile.key, 'name', `user ${user}`, 'session', token)
            .hincrby(profile.key, 'logins', 1)
            .exec(),
        ),
        store.transaction(
          [rate],
          2,
          redis.multi().set(rate.key, 0, 'EX', RATE_WINDOW_SECONDS, 'NX').incr(rate.key).exec(),
        ),
        store.write([seen, device], 1, redis.mset(seen.key, token, device.key, `browser of ${token}`)),
      ]);
      seen.set(token);
      device.set(`browser of ${token}`);
      session.set(token, { ms: SESSION_TTL_SECONDS * 1000, sentAtMs, ackedAtMs: Date.now() });
      profile.fields.set('name', `user ${user}`).set('session', token);
      this.expectField(profile, 'logins', String(Number(profile.fields.get('logins') ?? 0) + 1), logins);
      return { session: token, logins: Number(logins) };
    });
  }

  /** Reads all of a user's keys in one pipeline and prolongs the session. */
  visit(user: string): Promise<{ session: string | null; cart: Record<string, string>; recent: string[] }> {
    return this.inTurn(user, async ({ session, profile, cart, recent, wishlist, seen, device }) => {
      const { record } = this.store;
      const redis = this.store.redis();
      const sentAtMs = Date.now();
      const [token, lines, items, logins, wishes, last, prolonged] = await Promise.all([
        redis.get(session.key),
        redis.hgetall(cart.key),
        redis.lrange(recent.key, 0, -1),
        redis.hget(profile.key, 'logins'),
        redis.scard(wishlist.key),
        redis.mget(seen.key, device.key),
        this.store.write([session], 1, redis.expire(session.key, SESSION_TTL_SECONDS)),
      ]);
      const alive = session.value !== null;
      if (alive) session.set(session.value!, { ms: SESSION_TTL_SECONDS * 1000, sentAtMs, ackedAtMs: Date.now() });
      if (!session.undecided) {
        record.mustBe(`GET ${session.key}`, token, session.value);
        record.mustBe(`EXPIRE ${session.key}`, prolonged, alive ? 1 : 0);
        record.mustBe(`HGET ${profile.key} logins`, logins, profile.fields.get('logins') ?? null);
        record.mustBe(`HGETALL ${cart.key}`, sorted(Object.entries(lines)), sorted(cart.fields));
        record.mustBe(`LRANGE ${recent.key}`, items.join(), recent.items.join());
        record.mustBe(`SCARD ${wishlist.key}`, wishes, wishlist.members.size);
        record.mustBe(`MGET ${seen.key} ${device.key}`, last.join(), [seen.value, device.value].join());
      }
      return { session: token, cart: lines, recent: items };
    });
  }

  addToCart(user: string, product: number, quantity: number): Promise<{ quantity: number }> {
    return this.inTurn(user, async ({ cart, recent, wishlist }) => {
      const { store } = this;
      const line = `p${product}`;
      const redis = store.redis();
      const [inCart] = await Promise.all([
        store.write([cart], 1, redis.hincrby(cart.key, line, quantity)),
        store.write([recent], 1, redis.lpush(recent.key, line)),
        store.write([recent], 1, redis.ltrim(recent.key, 0, RECENT_PRODUCTS - 1)),
        store.write([wishlist], 1, redis.sadd(wishlist.key, line)),
        this.catalogue.wanted(product, quantity),
      ]);
      recent.items = [line, ...recent.items].slice(0, RECENT_PRODUCTS);
      wishlist.members.add(line);
      this.expectField(cart, line, String(Number(cart.fields.get(line) ?? 0) + quantity), inCart);
      return { quantity: inCart };
    });
  }

  removeFromCart(user: string, product: number): Promise<{ removed: number }> {
    return this.inTurn(user, async ({ cart, wishlist }) => {
      const { store } = this;
      const line = `p${product}`;
      const redis = store.redis();
      const [removed, unwished] = await Promise.all([
        store.write([cart], 1, redis.hdel(cart.key, line)),
        store.write([wishlist], 1, redis.srem(wishlist.key, line)),
      ]);
      const inCart = cart.fields.delete(line) ? 1 : 0;
      const wished = wishlist.members.delete(line) ? 1 : 0;
      if (!cart.undecided) {
        store.record.mustBe(`HDEL ${cart.key} ${line}`, removed, inCart);
        store.record.mustBe(`SREM ${wishlist.key} ${line}`, unwished, wished);
      }
      return { removed };
    });
  }

  /** Lua empties the cart into an order; the sale is booked; a float is added to the bill. */
  checkout(user: string, product: number): Promise<{ items: number }> {
    return this.inTurn(user, async ({ cart, orders, profile }) => {
      const { store } = this;
      const order = store.next('o');
      const items = await store.write([cart, orders], 1, store.redis().checkout(cart.key, orders.key, order));
      const expected = [...cart.fields.values()].reduce((sum, quantity) => sum + Number(quantity), 0);
      if (!cart.undecided) store.record.mustBe(`checkout of ${cart.key}`, items, expected);
      if (items === 0) return { items };
      cart.fields.clear();
      orders.items.push(`${order}:${items}`);
      await this.catalogue.sell(product, items);
      const spent = await store.write([profile], 1, store.redis().hincrbyfloat(profile.key, 'spent', items * PRICE));
      this.expectField(profile, 'spent', String(Number(profile.fields.get('spent') ?? 0) + items * PRICE), spent);
      return { items };
    });
  }

  private inTurn<T>(user: string, request: (keys: UserKeys) => Promise<T>): Promise<T> {
    return this.turns.take(user, async () => {
      const keys = this.keysOf(user);
      try {
        return await request(keys);
      } catch (error) {
        this.store.record.undecided(Object.values(keys));
        throw error;
      }
    });
  }

  private keysOf(user: string) {
    const { record } = this.store;
    return {
      session: record.text(`shop:{${user}}:session`),
      profile: record.fields(`shop:{${user}}:profile`),
      cart: record.fields(`shop:{${user}}:cart`),
      recent: record.items(`shop:{${user}}:recent`),
      wishlist: record.members(`shop:{${user}}:wishlist`),
      orders: record.items(`shop:{${user}}:orders`),
      seen: record.text(`shop:seen:${user}`),
      device: record.text(`shop:device:${user}`),
    };
  }

  private expectField(hash: Fields, field: string, expected: string, reply: unknown): void {
    if (!hash.undecided) this.store.record.mustBe(`the reply for ${hash.key} ${field}`, String(reply), expected);
    hash.fields.set(field, String(reply));
  }
}

type UserKeys = ReturnType<Customers['keysOf']>;

function sorted(lines: Iterable<[string, string]>): string {
  return [...lines]
    .map(([line, quantity]) => `${line}=${quantity}`)
    .sort()
    .join();
}

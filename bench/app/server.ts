/**
 * The shop over HTTP.
 *
 *   POST   /users/:user/session                    log in
 *   GET    /users/:user                            session, cart and recently seen
 *   POST   /users/:user/cart {product, quantity}
 *   DELETE /users/:user/cart/:product
 *   POST   /users/:user/checkout {product}
 *   POST   /products/:product/views {user}   · /products/:product/reviews {user}
 *   POST   /coupons/:coupon {user}
 *   GET    /top
 *
 * and for whoever runs the demonstration: GET /record → {inFlight, acknowledgedWrites, wrongReplies, failures},
 * POST /record/audit {url} → the record held against that server (409 while requests are in flight).
 *
 * A request whose Redis replies contradict the record is answered with 500.
 */
import Fastify, { type FastifyInstance } from 'fastify';
import type { Shop } from './shop.js';

export interface RecordSummary {
  inFlight: number;
  acknowledgedWrites: number;
  wrongReplies: number;
  /** the first few kinds of failure, for the report */
  failures: string[];
}

interface UserParams {
  user: string;
}
interface ProductParams {
  product: string;
}
interface CartBody {
  product: number;
  quantity: number;
}

const MAX_FAILURES = 20;

export function buildServer(shop: Shop): FastifyInstance {
  const server = Fastify({ logger: false, forceCloseConnections: true });
  const failures = new Set<string>();
  let inFlight = 0;

  /** Runs one request of the shop: counted, and failed if its replies were wrong. */
  async function serve<T>(request: () => Promise<T>): Promise<T> {
    const wrongBefore = shop.record.wrongReplies;
    inFlight++;
    try {
      const answer = await request();
      // concurrent requests may be blamed for each other's wrong replies; there must be none at all
      if (shop.record.wrongReplies > wrongBefore) throw new Error('a reply contradicts what had been acknowledged');
      return answer;
    } catch (error) {
      if (failures.size < MAX_FAILURES) failures.add(error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      inFlight--;
    }
  }

  const { customers, catalogue } = shop;
  server.post<{ Params: UserParams }>('/users/:user/session', ({ params }) =>
    serve(() => customers.login(params.user)),
  );
  server.get<{ Params: UserParams }>('/users/:user', ({ params }) => serve(() => customers.visit(params.user)));
  server.post<{ Params: UserParams; Body: CartBody }>('/users/:user/cart', ({ params, body }) =>
    serve(() => customers.addToCart(params.user, body.product, body.quantity)),
  );
  server.delete<{ Params: UserParams & ProductParams }>('/users/:user/cart/:product', ({ params }) =>
    serve(() => customers.removeFromCart(params.user, Number(params.product))),
  );
  server.post<{ Params: UserParams; Body: { product: number } }>('/users/:user/checkout', ({ params, body }) =>
    serve(() => customers.checkout(params.user, body.product)),
  );
  server.post<{ Params: ProductParams; Body: UserParams }>('/products/:product/views', ({ params, body }) =>
    serve(() => catalogue.view(Number(params.product), body.user)),
  );
  server.post<{ Params: ProductParams; Body: UserParams }>('/products/:product/reviews', ({ params, body }) =>
    serve(() => catalogue.review(Number(params.product), body.user)),
  );
  server.post<{ Params: { coupon: string }; Body: UserParams }>('/coupons/:coupon', ({ params, body }) =>
    serve(() => catalogue.redeem(params.coupon, body.user)),
  );
  server.get('/top', () => serve(() => catalogue.top()));

  server.get('/record', (): RecordSummary => {
    const { acknowledgedWrites, wrongReplies } = shop.record;
    return { inFlight, acknowledgedWrites, wrongReplies, failures: [...failures, ...shop.record.examples()] };
  });
  server.post<{ Body: { url: string } }>('/record/audit', async ({ body }, reply) => {
    if (inFlight > 0) return reply.code(409).send({ error: `${inFlight} requests are in flight` });
    return shop.audit(body.url);
  });
  return server;
}

/**
 * What visitors of the shop do, as HTTP requests in random order: mostly looking, often putting into the cart, sometimes
 * buying. Deterministic by seed.
 */
import { PRODUCTS } from './catalogue.js';

export interface ShopRequest {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

export const USERS = 500;
const COUPONS = 2000;

/** An endless stream for one visitor's connection. */
export function* traffic(random: () => number): Generator<ShopRequest, never> {
  const upTo = (n: number): number => Math.floor(random() * n);
  // few users and products, so that concurrent requests meet on the same keys
  const user = (): string => `u${upTo(USERS)}`;
  const product = (): number => Math.min(upTo(PRODUCTS), upTo(PRODUCTS));
  const kinds: [weight: number, make: () => ShopRequest][] = [
    [28, () => ({ method: 'GET', path: `/users/${user()}` })],
    [20, () => post(`/users/${user()}/cart`, { product: product(), quantity: 1 + upTo(3) })],
    [15, () => post(`/products/${product()}/views`, { user: user() })],
    [10, () => ({ method: 'POST', path: `/users/${user()}/session` })],
    [7, () => ({ method: 'GET', path: '/top' })],
    [6, () => ({ method: 'DELETE', path: `/users/${user()}/cart/${product()}` })],
    [6, () => post(`/users/${user()}/checkout`, { product: product() })],
    [5, () => post(`/products/${product()}/reviews`, { user: user() })],
    [3, () => post(`/coupons/c${upTo(COUPONS)}`, { user: user() })],
  ];
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
  for (;;) {
    let point = random() * total;
    yield kinds.find(([weight]) => (point -= weight) < 0)![1]();
  }
}

function post(path: string, body: object): ShopRequest {
  return { method: 'POST', path, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

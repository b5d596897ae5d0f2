/** The shop's Lua. Both scripts declare every key they touch, as a Redis Cluster would demand. */

/** KEYS cart, orders · ARGV order id → number of items ordered, 0 if the cart was empty */
export const CHECKOUT = `
local cart = redis.call('HGETALL', KEYS[1])
local items = 0
for i = 2, #cart, 2 do items = items + tonumber(cart[i]) end
if items == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[1] .. ':' .. items)
redis.call('DEL', KEYS[1])
return items`;

/** KEYS stock, reserved · ARGV quantity → stock left, -1 if there is not enough */
export const RESERVE = `
local stock = tonumber(redis.call('GET', KEYS[1]) or '0')
local quantity = tonumber(ARGV[1])
if stock < quantity then return -1 end
redis.call('INCRBY', KEYS[2], quantity)
return redis.call('DECRBY', KEYS[1], quantity)`;

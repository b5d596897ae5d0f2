/**
 * Whether an address can be reached from this machine only, and the rule about it for the admin API.
 */
import { ConfigError } from './errors.js';

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Others could steer the migration: refused at start. */
export function checkAdminAddress(admin: { host: string; port: number; token: string | null }): void {
  if (admin.token !== null || isLoopback(admin.host)) return;
  const how = 'give --token (FERRY_ADMIN_TOKEN) or listen on 127.0.0.1';
  throw new ConfigError(`The admin API would be open to others on ${admin.host}:${admin.port}: ${how}.`);
}

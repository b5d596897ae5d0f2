/** The ready ACL text names only what its server knows: ACL SETUSER refuses the whole text otherwise. */
import { expect, test } from 'vitest';
import type { CommandFacts } from '../../../src/preflight/facts.js';
import { aclText } from '../../../src/preflight/needs.js';

const facts: CommandFacts = { flags: new Set(), categories: new Set() };
const commands = (...names: string[]): Map<string, CommandFacts> => new Map(names.map((name) => [name, facts]));

function rules(text: string): string[] {
  return text.split(' ').filter((word) => word.startsWith('+') && !word.startsWith('+@'));
}

test('only commands that are there', () => {
  expect(rules(aclText(commands('get', 'config', 'config|get', 'acl', 'acl|whoami'), 'ferry', false))).toEqual([
    '+config|get',
    '+acl|whoami',
    '+get',
  ]);
});

test('before 7.0 subcommands are not listed, and may be named', () => {
  expect(rules(aclText(commands('get', 'config'), 'ferry', false))).toEqual(['+config|get', '+get']);
});

test("a Cluster's commands for a Cluster only", () => {
  const known = commands('cluster', 'cluster|nodes', 'asking');
  expect(aclText(known, 'ferry', true)).toBe(
    'ACL SETUSER ferry on >PASSWORD ~* -@all +@write -@dangerous -@blocking +cluster|nodes +asking',
  );
  expect(rules(aclText(known, 'ferry', false))).toEqual([]);
});

test('a server that does not tell its commands gets the whole list, but nothing that 7.0 would refuse', () => {
  const all = rules(aclText(null, 'ferry', true));
  expect(all.length).toBeGreaterThan(80);
  expect(all).not.toContain('+hpexpiretime');
  expect(all).not.toContain('+vadd');
});

/**
 * `ferry leave`: may Ferry be taken out; who still comes through it, what is to be changed, and how it is done. Exit 1 if
 * it must stay.
 */
import type { LeaveAnswer, LeaveNote, LeavingClients } from '../admin/control.js';
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { print, printJson } from './output.js';
import { verb } from './verb.js';

export const leaveCommand = verb({
  name: 'leave',
  describe: 'may Ferry be taken out, and how',
  flags: ADMIN_FLAGS,
  run: async ({ json, ...where }) => {
    const answer = await (await adminClient(where)).leave();
    if (!answer.ok) process.exitCode = 1;
    if (json) printJson(answer);
    else print(leaveText(answer));
  },
});

function leaveText({ ok, pointTo, reasons, clients, direct, changes, cautions, steps }: LeaveAnswer): string {
  const head = ok
    ? [`Ferry may be taken out: point the application to ${pointTo}, then stop Ferry.`]
    : ['Ferry must stay:', ...reasons.map((reason) => `  ${reason}`)];
  return [
    ...head,
    ...(ok || clients.connected > 0 ? ['', ...clientLines(clients, direct)] : []),
    ...noted('What the application must change:', changes),
    ...noted('To be known before:', cautions),
    ...(steps.length === 0 ? [] : ['', ok ? 'How:' : 'What comes first:', ...steps.map(numbered)]),
  ].join('\n');
}

function clientLines(clients: LeavingClients, direct: LeaveAnswer['direct']): string[] {
  const { connected, active, activeWithinSeconds, groups, moreGroups } = clients;
  const lines = [
    connected === 0
      ? 'Nobody is connected through Ferry.'
      : `Connected through Ferry: ${connected}, of which ${active} sent something in the last ${activeWithinSeconds} s.`,
  ];
  for (const { name, user, host, connected: there, active: lately, waiting, idleSeconds, dbs } of groups) {
    const who = `${name === '' ? '(no name)' : name} as ${user} from ${host}`;
    const silent = waiting === 0 ? '' : `, ${waiting} waiting or listening`;
    lines.push(
      `  ${who}: ${there}, ${lately} active${silent}, last heard ${idleSeconds} s ago, database ${dbs.join(', ')}`,
    );
  }
  if (moreGroups > 0) lines.push(`  and ${moreGroups} more groups`);
  const told = (['source', 'target'] as const).map((side) => `${direct[side] ?? 'unknown'} on the ${side}`);
  lines.push(`Connected past Ferry: ${told.join(', ')}.`);
  return lines;
}

function noted(head: string, notes: readonly LeaveNote[]): string[] {
  return notes.length === 0 ? [] : ['', head, ...notes.map(({ code, message }) => `  ${code}: ${message}`)];
}

function numbered(step: string, i: number): string {
  return `  ${i + 1}. ${step}`;
}

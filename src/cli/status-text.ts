/**
 * A status as a person reads it: where the migration is, how far, and what is wrong.
 */
import type { SideStatus, Status } from '../admin/control.js';
import { clientText } from '../lanes/client-list.js';
import { bytes, number } from '../observe/figures.js';
import { PHASES } from '../phases/phase.js';
import { nextStepsText } from './next-steps.js';

export function statusText(status: Status): string {
  const { commands, mirror, lastCutover } = status;
  const lines = [
    `Ferry ${status.version} at ${status.listen}, up ${duration(status.uptimeSeconds)}`,
    `phase     ${status.phase} (${PHASES.indexOf(status.phase) + 1} of ${PHASES.length}), epoch ${status.epoch}`,
    `source    ${sideText(status.source, status.authority === 'source')}`,
    `target    ${sideText(status.target, status.authority === 'target')}`,
    `clients   ${number(status.clients.connected)} connected`,
    `commands  ${number(commands.total)}, ${number(commands.perSecond)}/s, ${number(commands.fallbacks)} fallbacks, ${number(commands.errors)} errors`,
    ...latencyText(status),
    `mirror    ${number(mirror.backlogOps)} operations (${bytes(mirror.backlogBytes)}) behind, ${number(mirror.dirtyKeys)} dirty keys`,
    // after the end of it all there is nothing to copy any more
    ...(status.phase === 'target-only' ? [] : [`backfill  ${backfillText(status)}`]),
    `verify    ${verifyText(status)}`,
  ];
  if (lastCutover !== null) {
    const { at, from, to, pauseMs } = lastCutover;
    lines.push(`swapped   ${from} → ${to} at ${at}, pause ${pauseMs.toFixed(1)} ms`);
  }
  if (status.scope !== null) lines.push(`left out  ${status.scope.note}`);
  lines.push(...directText(status));
  lines.push(...troubles(status).map((trouble) => `!         ${trouble}`), ...nextStepsText(status));
  return lines.join('\n');
}

/** From a command's bytes to its reply: what the server takes, and what Ferry adds. */
function latencyText({ latency }: Status): string[] {
  const sides = (['source', 'target'] as const).flatMap((side) => {
    const took = latency[side];
    return took === null ? [] : [`${side} p50 ${ms(took.p50Ms)}, p99 ${ms(took.p99Ms)}`];
  });
  return sides.length === 0 ? [] : [`latency   ${sides.join('; ')}, command to reply, last ${latency.seconds} s`];
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

/** Who would stay with a side after the cutover, because it is connected past Ferry. */
function directText({ directClients, phase }: Status): string[] {
  if (phase === 'source-only') return [];
  return (['source', 'target'] as const).flatMap((side) => {
    const there = directClients[side] ?? [];
    if (there.length === 0) return [];
    const some = there.slice(0, 5).map(clientText);
    return [
      `past      ${there.length} connected to the ${side} past Ferry: ${some.join(', ')}${there.length > 5 ? ', …' : ''}`,
    ];
  });
}

/** What a person should look at; empty when all is well. */
export function troubles({ source, target, authority, mirror, backfill, verify, crossSlot }: Status): string[] {
  const found: string[] = [];
  for (const [name, side] of Object.entries({ source, target })) {
    if (side.state !== 'up') found.push(`The ${name} is ${side.state}${downNodesText(side)}${whyText(side)}.`);
    else if (side.reason !== '') found.push(`A failover of the ${name} would not be noticed: ${side.reason}.`);
  }
  if (mirror.held !== '') found.push(mirror.held);
  if (crossSlot.total > 0 && authority === 'source') {
    const names = Object.entries(crossSlot.commands).map(([name, count]) => `${name} (${number(count)})`);
    const what = `${number(crossSlot.total)} commands had keys in several slots`;
    found.push(`${what}, which the target will refuse after the cutover: ${names.join(', ')}.`);
  }
  if (mirror.uncertain > 0) {
    found.push(`${number(mirror.uncertain)} connections were lost, and what they were sent may still be executed.`);
  }
  if (mirror.dirtySlots > 0) found.push(`${number(mirror.dirtySlots)} slots are dirty as a whole.`);
  if (backfill.failed > 0) found.push(`The backfill could not copy ${number(backfill.failed)} keys.`);
  if (backfill.state === 'failed') found.push('The backfill failed.');
  if (verify.state === 'failed') found.push('The verification failed.');
  if (verify.clean === false) found.push(`The verification is not clean: ${differencesText(verify)}.`);
  return found;
}

export function backfillText({ backfill }: Status): string {
  const { state, scanned, copied, leftOut, estimated, keysPerSecond, etaSeconds } = backfill;
  if (state === 'idle') return 'not started';
  const parts = [`${state}, ${number(scanned)} of about ${number(estimated)} keys seen`, `${number(copied)} copied`];
  if (leftOut > 0) parts.push(`${number(leftOut)} left out`);
  if (state === 'running') parts.push(`${number(keysPerSecond)}/s`);
  if (state === 'running' && etaSeconds !== null) parts.push(`${duration(etaSeconds)} left`);
  return parts.join(', ');
}

export function verifyText({ verify }: Status): string {
  const { state, compared, clean, finishedAt } = verify;
  if (state === 'idle') return 'not started';
  const found = `${state}, ${number(compared)} keys compared, ${differencesText(verify)}`;
  return state === 'done' ? `${found}${clean === true ? ', clean' : ''}, finished ${finishedAt}` : found;
}

export function differencesText({ differences, uncompared }: Status['verify']): string {
  const some = Object.entries(differences).filter(([, count]) => count > 0);
  const found =
    some.length === 0 ? 'no differences' : some.map(([kind, count]) => `${number(count)} ${kind}`).join(', ');
  return uncompared === 0 ? found : `${found}, ${number(uncompared)} too big and too busy to be compared`;
}

export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

function downNodesText({ nodes }: SideStatus): string {
  const down = nodes.filter(({ state }) => state === 'down').map(({ address, slots }) => `${address} (${slots} slots)`);
  return down.length === 0 ? '' : `, these nodes are down: ${down.join(', ')}`;
}

function whyText({ reason }: SideStatus): string {
  return reason === '' ? '' : ` (${reason})`;
}

function sideText({ kind, url, state, version, nodes }: SideStatus, isAuthority: boolean): string {
  const size = nodes.length === 0 ? '' : ` of ${nodes.length} masters`;
  const what = version === '' ? `${kind}${size}` : `${kind}${size}, Redis ${version}`;
  return `${url} (${what}) ${state}${isAuthority ? ', authority' : ''}`;
}

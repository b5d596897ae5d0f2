/** What an operator should know now, worst first. Pure: from what Ferry says to sentences. */
import type { Overview, Side, Status } from '../admin/control.js';
import { bytes, count } from './format.js';

export interface Warning {
  readonly level: 'problem' | 'warning' | 'note';
  readonly text: string;
}

const SIDES: readonly Side[] = ['source', 'target'];

export function warningsOf({ status, breakers }: Overview): Warning[] {
  return [
    ...SIDES.flatMap((side) => sideWarnings(side, status)),
    ...breakers
      .filter(({ open }) => open)
      .map(({ side, node }) => problem(`${node} (${side}) is not asked: it failed.`)),
    ...dataWarnings(status),
    ...bypassWarnings(status),
    ...memoryWarnings(status),
    ...crossSlotWarnings(status),
    ...(status.scope === null ? [] : [note(status.scope.note)]),
  ];
}

function sideWarnings(side: Side, status: Status): Warning[] {
  const { state, missingRights } = status[side];
  const found: Warning[] = [];
  if (state === 'down') found.push(problem(`The ${side} is not reachable.`));
  if (state === 'degraded') found.push(warning(`Some nodes of the ${side} are not reachable.`));
  if (missingRights.length > 0) {
    found.push(note(`Ferry's account on the ${side} lacks: ${missingRights.join(', ')}.`));
  }
  return found;
}

function dataWarnings({ mirror, commands, verify }: Status): Warning[] {
  const found: Warning[] = [];
  if (mirror.held !== '') found.push(problem(mirror.held));
  if (mirror.dirtySlots > 0) {
    found.push(warning(`${count(mirror.dirtySlots)} whole slots may differ and are copied again.`));
  }
  if (mirror.uncertain > 0) {
    found.push(warning(`${count(mirror.uncertain)} lost connections are not yet known to be dead on their servers.`));
  }
  if (commands.uncertain > 0) {
    found.push(note(`The outcome of ${count(commands.uncertain)} writes was unknown since the start.`));
  }
  if (verify.uncompared > 0) {
    const keys = `${count(verify.uncompared)} ${verify.uncompared === 1 ? 'key' : 'keys'}`;
    found.push(
      warning(`The last verification could not compare ${keys}: too big, in slots that are written all the time.`),
    );
  }
  const differ = verify.uncompared === 0 || Object.values(verify.differences).some((n) => n > 0);
  if (verify.clean === false && differ) {
    found.push(warning('The last verification found differences.'));
  }
  if (verify.state === 'failed') found.push(problem('The last verification did not come to its end.'));
  return found;
}

function bypassWarnings({ bypass }: Status): Warning[] {
  const found: Warning[] = [];
  const sign = bypass.sign === '' ? '' : ` Sign: ${bypass.sign}.`;
  if (bypass.state === 'asks') found.push(warning(`Others may write past Ferry, unnoticed.${sign} ${bypass.refusal}`));
  if (bypass.found > 0) found.push(note(`${count(bypass.found)} keys were changed past Ferry and copied again.`));
  return found;
}

function memoryWarnings({ memory }: Status): Warning[] {
  if (memory.pressure === 'none') return [];
  const held = `${bytes(memory.heldBytes)} of ${bytes(memory.limitBytes)}`;
  if (memory.pressure === 'throttling') return [warning(`Buffers hold ${held}: clients that hold much must wait.`)];
  return [problem(`Buffers hold ${held}: ${count(memory.closedClients)} clients were closed.`)];
}

function crossSlotWarnings({ crossSlot }: Status): Warning[] {
  if (crossSlot.total === 0) return [];
  const names = Object.entries(crossSlot.commands).map(([name, times]) => `${name} (${count(times)})`);
  return [
    warning(`Commands with keys in several slots, which a Cluster refuses after the cutover: ${names.join(', ')}.`),
  ];
}

function problem(text: string): Warning {
  return { level: 'problem', text };
}

function warning(text: string): Warning {
  return { level: 'warning', text };
}

function note(text: string): Warning {
  return { level: 'note', text };
}

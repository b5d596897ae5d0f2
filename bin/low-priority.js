/**
 * Lets everything else on this machine go first: the server that is looked at may be on it, and its clients, and they are
 * not to wait for a look at them. Outside the build, so that it counts from the first file that is loaded.
 */
import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

export function letOthersGoFirst() {
  for (const thread of threads()) {
    try {
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // not allowed, or it ended a moment ago: only slower for the others
    }
  }
}

/** On Linux each thread has a priority of its own, and a process means its first one. */
function threads() {
  try {
    return readdirSync('/proc/self/task').map(Number);
  } catch {
    return [0];
  }
}

/** Why a write is mirrored by copies of its keys where the command itself could have been used; named, so that `explain` reads it. */
export const NOT_COPIED = 0;
export const ALWAYS_COPIED = 1;
export const BEHIND_PREFIX = 2;
export const NOT_ON_MIRROR = 3;
export const TOO_BIG = 4;
export const LATE_REPLY = 5;
export const JOINS_COPY = 6;
export const SEVERAL_SLOTS = 7;
export const NOT_SURE = 8;
/** Not even copied now: its keys become dirty, and are copied when there is room again. */
export const NO_ROOM = 9;
/** Some of its keys are not migrated: those that are, are copied. */
export const PARTLY_LEFT_OUT = 10;
/** None of its keys is migrated: nothing is done. */
export const LEFT_OUT = 11;
export type CopyReason = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11;

export const COPY_REASONS: readonly string[] = [
  '',
  'what it does cannot be told from its arguments and its reply',
  'its keys have other names on the mirror (--db-prefix)',
  'the mirror does not have the command',
  'the request is too big to be kept for the mirror',
  'its reply was too long on its way to tell when it ran',
  'a copy of its key is on its way already, and will contain it',
  'its keys are in several slots of the mirror',
  'it builds on a value that is not known to be the same on the mirror',
  'the mirror is away or too far behind: the keys become dirty, and are copied by the repair',
  'some of its keys are left out of the migration (--include, --exclude)',
  'its keys are left out of the migration (--include, --exclude)',
];

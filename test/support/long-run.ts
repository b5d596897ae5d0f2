/**
 * The long run (`npm run test:long`) tries every case; `npm test` has ten minutes on two cores and tries some of them. Who
 * cuts a list down says which cases stand for the others by putting them first.
 */
export const IS_LONG_RUN = process.env.FERRY_TEST_LONG !== undefined;

/** All cases in the long run, else the first `kept`. */
export function casesOf<T>(all: readonly T[], kept: number): readonly T[] {
  return IS_LONG_RUN ? all : all.slice(0, kept);
}

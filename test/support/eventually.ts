/**
 * Waiting for a distributed system to agree: asks again and again what is still missing, until nothing is.
 *
 * A probe that throws counts as one that names its error as missing: nodes that are just going down or coming up
 * refuse connections. What was missing last is what the error says when the time is over.
 */
const ASK_AGAIN_MS = 25;

/** `missing` resolves to '' once what is waited for is there. */
export async function eventually(what: string, withinMs: number, missing: () => Promise<string>): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  let last = 'the first answer';
  while (Date.now() < deadlineMs) {
    last = await orLate(missing(), deadlineMs - Date.now());
    if (last === '') return;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  throw new Error(`${what}: not within ${withinMs} ms, missing: ${last}`);
}

/** A stopped process answers nothing at all, which must not make the waiting endless. */
async function orLate(answer: Promise<string>, withinMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, withinMs, 'an answer');
  });
  try {
    return await Promise.race([answer.catch((error: Error) => error.message), late]);
  } finally {
    clearTimeout(timer);
  }
}

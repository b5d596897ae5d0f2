/**
 * Scores as servers write them: "%.17g" up to Redis 7.0, the shortest exact form later, inf, -inf, nan. Both forms
 * determine the 64-bit number, so equal numbers, not equal texts, are equal scores.
 *
 * -0 equals 0: a sorted set forgets the sign of a zero when it is stored as a listpack (by RESTORE for instance),
 * so two servers that did the same may show either.
 */
export function equalScores(a: Buffer, b: Buffer): boolean {
  if (a.equals(b)) return true;
  const onA = scoreNumber(a.toString('latin1'));
  const onB = scoreNumber(b.toString('latin1'));
  return onA === onB || (Number.isNaN(onA) && Number.isNaN(onB));
}

function scoreNumber(text: string): number {
  switch (text) {
    case 'inf':
    case '+inf':
      return Number.POSITIVE_INFINITY;
    case '-inf':
      return Number.NEGATIVE_INFINITY;
    case 'nan':
    case '-nan':
      return Number.NaN;
  }
  const score = Number(text);
  if (text === '' || Number.isNaN(score)) throw new Error(`the server's score "${text}" is no number`);
  return score;
}

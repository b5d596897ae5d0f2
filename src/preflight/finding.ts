/**
 * What a preflight says: findings, each with what was seen and what to do about it.
 *
 *   blocker   the migration would fail or lose something: it must not begin like this
 *   warning   it works, but something will hurt during it or after it
 *   note      worth knowing
 *
 * Codes are stable: scripts and docs/preflight.md go by them.
 */
export const SEVERITIES = ['blocker', 'warning', 'note'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  readonly severity: Severity;
  /** lower case with dashes */
  readonly code: string;
  /** one sentence: what is wrong, and why it matters */
  readonly message: string;
  /** what was seen, and where */
  readonly evidence: string;
  /** what to do; ready commands where there are any */
  readonly fix: string;
}

/** `preflight --json`, as it is printed. */
export interface PreflightReport {
  /** nothing blocks */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

/** The gravest first; within one severity in the order of the checks. */
export function reportOf(findings: readonly Finding[]): PreflightReport {
  const sorted = SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
  return { ok: !sorted.some(({ severity }) => severity === 'blocker'), findings: sorted };
}

export function blocker(code: string, message: string, evidence: string, fix: string): Finding {
  return { severity: 'blocker', code, message, evidence, fix };
}

export function warning(code: string, message: string, evidence: string, fix: string): Finding {
  return { severity: 'warning', code, message, evidence, fix };
}

export function note(code: string, message: string, evidence: string, fix: string): Finding {
  return { severity: 'note', code, message, evidence, fix };
}

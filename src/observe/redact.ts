/**
 * Passwords never appear in logs, status, errors or process titles: every text on its way there passes here.
 */

/**
 * The same text with every password in it replaced by `***`. It works on strings that are no valid URLs too, since
 * those are just what error messages show; when in doubt about where a password ends it hides more: up to the last
 * `@` before a space or a quote.
 */
export function redactUrl(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)([^\s"'@/:]*):([^\s"']*)@/gi, '$1$2:***@')
    .replace(/([?&](?:password|pass|key|token)=)[^\s"'&#]*/gi, '$1***');
}

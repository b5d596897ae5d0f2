/**
 * Passwords never appear in logs, status, errors or process titles: every text on its way there passes here.
 *
 * Two places in a connection string are secret: what is between the first `:` and the last `@`, and the value of an
 * option whose name says so (`sentinel-password`, `key`, `token`). Both functions work on strings that are no valid URLs
 * too, since those are just what error messages show; when in doubt about where a secret ends they hide more.
 */

/** The same text with every password in it replaced by `***`; a connection string in it ends at a space or a quote. */
export function redactUrl(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)([^\s"':]*):([^\s"']*)@([^\s"'&]*)/gi, hideLogin)
    .replace(/([?&][^\s"'=&]*(?:pass|key|token|secret)[^\s"'=&]*=)[^\s"'&]*/gi, '$1***');
}

/** The same for a text that is one connection string, where spaces and quotes end nothing and '//' may be missing. */
export function redactConnection(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)?([^:]*):(.*)@([^&]*)/is, hideLogin)
    .replace(/([?&][^=&]*(?:pass|key|token|secret)[^=&]*=)[^&]*/gi, '$1***');
}

function hideLogin(_all: string, scheme: string | undefined, user: string, secret: string, behind: string): string {
  // an '@' in an option's secret: its end is behind it
  const isInOption = /[?&][^=&]*(?:pass|key|token|secret)[^=&]*=/i.test(`${user}:${secret}`);
  return `${scheme ?? ''}${user}:***@${isInOption ? '***' : behind}`;
}

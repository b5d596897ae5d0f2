/**
 * Two deployments compared, read directly: every key's type, value and deadline, in every database (see the judge).
 * A deployment is given by its ports: a standalone server's, or those of all masters of a cluster.
 *
 * Both must be at rest: a key that is written meanwhile may be seen in two states, and one whose slot is migrating lies,
 * to the judge, where no client can reach it.
 */
import { differencesBetweenAll } from '../integration/journey/judge.js';
import { text, Wire } from '../integration/journey/wire.js';

/** The arguments of AUTH on each side; none: no login. */
export interface DeploymentLogins {
  readonly a?: readonly string[];
  readonly b?: readonly string[];
}

/** One line per key that differs; none for deployments that hold the same. */
export async function differencesBetweenDeployments(
  a: readonly number[],
  b: readonly number[],
  logins: DeploymentLogins = {},
): Promise<string[]> {
  const wires: Wire[] = [];
  const open = async (ports: readonly number[], login: readonly string[] = []): Promise<Wire[]> => {
    const opened: Wire[] = [];
    for (const port of ports) {
      const wire = await Wire.open(port);
      wires.push(wire);
      opened.push(wire);
      const answer = login.length === 0 ? 'OK' : text(await wire.send('AUTH', ...login));
      if (answer !== 'OK') throw new Error(`AUTH on port ${port} was answered ${answer}`);
    }
    return opened;
  };
  try {
    return await differencesBetweenAll(await open(a, logins.a), await open(b, logins.b));
  } finally {
    for (const wire of wires) wire.close();
  }
}

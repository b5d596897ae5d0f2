/**
 * One verb of the command line, as yargs wants it: name, flags (with their environment variables) and what it does.
 */
import type {
  ArgumentsCamelCase,
  CommandModule,
  InferredOptionTypes,
  ParserConfigurationOptions,
  PositionalOptions,
} from 'yargs';
import { type Flags, withFlags } from './flags.js';

export type Verb = CommandModule;

export function verb<F extends Flags, P extends Record<string, PositionalOptions> = Record<never, never>>(spec: {
  /** with its positional arguments: `phase <phase>` */
  name: string;
  describe: string;
  flags: F;
  positionals?: P;
  /** how its arguments are parsed, where that is not as usual */
  parsing?: Partial<ParserConfigurationOptions>;
  run: (argv: ArgumentsCamelCase<InferredOptionTypes<F> & InferredOptionTypes<P>>) => Promise<void>;
}): Verb {
  return {
    command: spec.name,
    describe: spec.describe,
    builder: (yargs) => {
      yargs.parserConfiguration(spec.parsing ?? {});
      for (const [name, option] of Object.entries(spec.positionals ?? {})) yargs.positional(name, option);
      return withFlags(yargs, spec.flags);
    },
    handler: (argv) => spec.run(argv as ArgumentsCamelCase<InferredOptionTypes<F> & InferredOptionTypes<P>>),
  };
}

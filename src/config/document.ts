/** The page docs/configuration.md, written out from the options that there are. */
import { envName, OPTIONS, type Option, type OptionName } from './options.js';
import { RELOADABLE } from './reload.js';

const HEAD = `# Configuration

This page is made from the list of options (\`src/config/options.ts\`); a test keeps it true.

Each option is a flag of \`ferry serve\`, an environment variable and a key of the YAML file given with \`--config\`; flags win
over the environment, the environment over the file. A file, for example:

\`\`\`yaml
source: redis://old.example:6379
target: redis+cluster://new-1.example:6379,new-2.example:6379
state-dir: /var/lib/ferry
memory-limit: 1GiB
\`\`\`

What is marked ↻ can change while Ferry runs: change the file, then \`kill -HUP\` or \`POST /api/reload\`. Unknown options, and
values that are none, are errors with a word on what was expected (exit code 2). Secrets belong into the environment, the file, or
\`--source-credentials-file\` and its like, not into flags, which every user of the machine can read.

The other verbs take \`--admin\` (\`FERRY_ADMIN\`), \`--token\` (\`FERRY_ADMIN_TOKEN\`), or \`--config\` with the same file;
\`--by\` (\`FERRY_BY\`) is who asks, for the record.
`;

export function configurationPage(): string {
  const names = Object.keys(OPTIONS) as OptionName[];
  const rows = names.map((name) => {
    const option: Option = OPTIONS[name];
    const mark = RELOADABLE.has(name) ? ' ↻' : '';
    const standard = option.default === null || option.default === '' ? '' : `\`${option.default}\``;
    return `| \`--${name}\`${mark} | \`${envName(name)}\` | ${cell(option.expects)} | ${standard} | ${cell(option.describe)} |`;
  });
  return [
    HEAD,
    '| option | environment | value | default | what it is |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

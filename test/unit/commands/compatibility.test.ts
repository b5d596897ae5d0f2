import { expect, it } from 'vitest';
import { compatibilityPage } from '../../../src/commands/compatibility.js';
import { spoken } from '../../../src/commands/kinds.js';
import { CommandTable } from '../../../src/commands/table.js';

const page = compatibilityPage(CommandTable.offline());

it('docs/compatibility.md says what the tables say (vitest -u writes it)', async () => {
  await expect(page).toMatchFileSnapshot('../../../docs/compatibility.md');
});

it('names every command', () => {
  const words = new Set(page.split(/[|,\n]/).map((word) => word.trim()));
  const missing = CommandTable.offline()
    .all()
    .filter((command) => !words.has(spoken(command.name)));
  expect(missing.map((command) => command.name)).toEqual([]);
});

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkPlan } from '../../src/cli/config/check-plan.ts';
import { readSettingsFile } from '../../src/cli/config/read-file.ts';
import { runExample } from './run.ts';

it('leaves out the client that sends rubbish', async () => {
  const lines: string[] = [];
  await runExample((line) => lines.push(line));
  expect(lines).toEqual(['version 1: 1.25', 'version 2: 1.875']);
});

it('is named by the plan beside it', async () => {
  const file = fileURLToPath(new URL('plan.toml', import.meta.url));
  const { plan, problems } = await checkPlan(await readSettingsFile(file), file);
  expect(problems).toEqual([]);
  expect(plan.strategy).toBe('module:clipped-median');
});

import { expect, it } from 'vitest';
import { chartFiles, staleFiles } from '../../scripts/charts-doc.ts';

it('keeps docs/statecharts as the machines are; when this fails, run "npm run docs:charts"', async () => {
  expect(await staleFiles()).toEqual([]);
});

it('draws the four machines, and embeds each with its text', async () => {
  const files = await chartFiles();
  const names = ['coordinator', 'round', 'aggregator', 'client'];
  expect([...files.keys()].sort()).toEqual([...names.map((name) => `${name}.svg`), 'README.md'].sort());
  const readme = files.get('README.md') ?? '';
  for (const name of names) expect(readme).toContain(`](./${name}.svg)`);
  expect(readme.split('```mermaid').length - 1).toBe(4);
});

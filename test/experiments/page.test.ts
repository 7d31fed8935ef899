import { expect, it } from 'vitest';
import { pageFiles } from '../../examples/experiments/page.ts';

it('docs/experiments.md and its charts are as the kept results say; when this fails, run "npm run docs:experiments -- --redraw"', async () => {
  const files = await pageFiles();
  expect(files.length).toBeGreaterThan(4);
  expect(files.filter(({ text, found }) => text !== found).map(({ file }) => file.href)).toEqual([]);
});

import { expect, it } from 'vitest';
import { errorsDoc, isStale } from '../../scripts/errors-doc.ts';
import { errorCatalogue } from '../../src/domain/errors.ts';
import { anchorsOf } from './pages.ts';

it('keeps docs/errors.md as the catalogue is; when this fails, run "npm run docs:errors"', async () => {
  expect(await isStale()).toBe(false);
});

it('gives every code a place of its own, and a row that leads there', () => {
  const text = errorsDoc();
  const anchors = anchorsOf({ path: 'docs/errors.md', text });
  for (const code of Object.keys(errorCatalogue)) {
    expect(anchors).toContain(code.toLowerCase());
    expect(text).toContain(`[\`${code}\`](#${code.toLowerCase()})`);
  }
});

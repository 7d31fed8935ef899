import { expect, it } from 'vitest';
import { isStale } from '../../scripts/trace-picture.ts';

it('is as the spans are; when this fails, run "npm run docs:trace"', async () => {
  expect(await isStale()).toBe(false);
});

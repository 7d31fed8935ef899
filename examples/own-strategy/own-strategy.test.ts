import { expect, it } from 'vitest';
import { runExample } from './run.ts';

it('leaves out the client that sends rubbish', async () => {
  const lines: string[] = [];
  await runExample((line) => lines.push(line));
  expect(lines).toEqual(['version 1: 1.25', 'version 2: 1.875']);
});

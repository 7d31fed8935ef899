import { beforeAll, expect, it } from 'vitest';
import { sequenceFiles, staleSequences } from '../../scripts/sequences-doc.ts';

/** Chance has to bring about the rounds that are drawn: that takes a hundred simulations. */
const simulationsMsMax = 60_000;

let files = new Map<string, string>();
beforeAll(async () => {
  files = await sequenceFiles();
}, simulationsMsMax);

it('keeps the drawn rounds as they are simulated; when this fails, run "npm run docs:sequences"', async () => {
  expect(await staleSequences(files)).toEqual([]);
});

it('draws a round in which all goes well, and one with a lost client and a straggler', () => {
  expect([...files.keys()]).toEqual(['sequence-round.svg', 'sequence-round-faults.svg']);
  const [ordinary = '', faults = ''] = files.values();
  expect(ordinary).toContain('version 2 from 3 updates');
  expect(ordinary).not.toContain('class="bad"');
  expect(faults).toContain('version 2 from 2 updates');
  expect(faults).toMatch(/client \d is lost/);
  expect(faults).toMatch(/client \d is a straggler/);
});

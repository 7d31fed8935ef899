import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createSimulation, type SimulationOptions } from '../../src/testing/index.ts';

/** What the simulator found, each as the scenario that showed it: whole, since what a seed draws changes with the simulator. */
const found = JSON.parse(readFileSync(new URL('./found.json', import.meta.url), 'utf8')) as {
  what: string;
  scenario: SimulationOptions;
}[];

it.each(found)('does not happen again: $what', async ({ scenario }) => {
  expect((await createSimulation(scenario).explore()).violation).toBeNull();
});

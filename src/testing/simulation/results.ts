import type { Chance } from './chance.ts';
import type { SentResult } from './evaluations.ts';
import type { World } from './world.ts';

const numExamplesMax = 100;

/** What a simulated client measures: no two results are alike. It is spoilt when a fault strikes. */
export function randomResult(round: number, random: Chance, world: World): SentResult {
  const metrics: Record<string, number> = { accuracy: random.between(0, 1) };
  // Not everyone measures it, so that often there is no mean of it.
  if (random.happens(0.9)) metrics.loss = random.between(0, 4);
  const isSound = !world.strikes('notFinite', 0.3);
  if (!isSound) metrics.accuracy = world.chance('notFinite').pick([Number.NaN, Infinity, -Infinity]);
  return { round, numExamples: 1 + random.below(numExamplesMax), metrics, isSound };
}

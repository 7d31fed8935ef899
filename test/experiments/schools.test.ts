import { expect, it } from 'vitest';
import { gaussian } from '../../examples/experiments/attacks.ts';
import { featureCount, type Pupils, pupilsOf, type School } from '../../examples/experiments/school-data.ts';
import { schools } from '../../examples/experiments/schools.ts';
import { seededRandom } from '../../src/domain/random.ts';

/** Pupils whose score follows from their features, the same way in every school, but for chance of deviation 1. */
function schoolsOf(count: number, pupils: number): School[] {
  const random = seededRandom(1);
  const rows = (size: number): Pupils =>
    pupilsOf(
      Array.from({ length: size }, () => {
        const features = Array.from({ length: featureCount }, (_, index) => (index === 0 ? 1 : gaussian(random)));
        return [...features, features.reduce((sum, value, index) => sum + value * (index + 1), 0) + gaussian(random)];
      }),
    );
  return Array.from({ length: count }, () => ({ training: rows(pupils), heldOut: rows(pupils) }));
}

it('schools learn together nearly what all pupils in one place teach, and much more than each alone', async () => {
  const load = () => Promise.resolve(schoolsOf(40, 6));
  const experiment = schools({ rounds: 60, cohortSize: 10, seeds: [1], load });
  const errorOf = async (variant: string) =>
    (await experiment.run({ experiment: 'schools', variant, seed: 1 }, () => undefined)).last;
  const together = await errorOf('all in one place');
  expect(together).toBeLessThan(1.2);
  expect(await errorOf('FedAvg')).toBeLessThan(1.1 * together);
  expect(await errorOf('each school alone')).toBeGreaterThan(1.3 * together);
  expect(await errorOf('one mean for all')).toBeGreaterThan(3 * together);
});

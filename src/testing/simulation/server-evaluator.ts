import type { Evaluate } from '../../domain/evaluate.ts';
import type { Metrics } from '../../domain/metrics.ts';
import type { World } from './world.ts';

/** How long it takes when nothing is wrong, ms, at most. */
const ordinaryMsMax = 500;
/** How late it may be, ms. */
const lateMsMax = 60_000;

/**
 * The server's own evaluator: when a fault strikes it throws, finds what is no number, is late, or never answers.
 * @param onFound told of what it answers
 */
export function simulatedEvaluator(world: World, onFound: (version: number, metrics: Metrics) => void): Evaluate {
  return ({ version }) =>
    new Promise((resolve, reject) => {
      if (world.strikes('dropout', 0.3)) return;
      const chance = world.chance('evaluator');
      const tookMs = chance.between(1, world.strikes('straggler', 0.4) ? lateMsMax : ordinaryMsMax);
      world.scheduler.after(tookMs, () => {
        world.touch();
        if (world.strikes('malformed', 0.3)) return reject(new Error('The simulated evaluator fails'));
        const metrics = { score: world.strikes('notFinite', 0.3) ? Number.NaN : chance.between(0, 1) };
        onFound(version, metrics);
        resolve(metrics);
      });
    });
}

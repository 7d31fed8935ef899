import type { Plan } from './plan.ts';
import type { RandomStream } from './random.ts';

/** Heartbeats a second that a population is steered to, at most. */
export const heartbeatsPerSecondTarget = 2_000;

/**
 * Pace steering: when a client shall come back. A small population keeps to the plan's interval; a large one is slowed
 * to the target rate, but never so far that one lost heartbeat costs a client its place. Spread by ±10 %, so that
 * clients that came together do not come back together. After Bonawitz et al. 2019, section 2.3, arXiv 1902.01046.
 * @returns ms, ≥ 1 and ≤ half of heartbeatTimeoutMs.
 */
export function paceMs(
  plan: Pick<Plan, 'heartbeatIntervalMs' | 'heartbeatTimeoutMs'>,
  population: number,
  random: RandomStream,
): number {
  const intervalMs = Math.max(plan.heartbeatIntervalMs, (population / heartbeatsPerSecondTarget) * 1_000);
  const spread = 0.9 + random.below(201) / 1_000;
  return Math.max(1, Math.round(Math.min(intervalMs * spread, plan.heartbeatTimeoutMs / 2)));
}

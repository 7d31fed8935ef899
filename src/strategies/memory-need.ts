import type { Held, RoundOrder } from '../domain/aggregation.ts';
import { fedavgChoice } from '../domain/strategy-choice.ts';
import { strategyOf } from './of-plan.ts';

/**
 * A strategy that needs all updates at once keeps those that are on no disk in the staging memory until the round is closed.
 * @returns why so many updates of this size can never be there together, with what to do, or null: they can.
 */
export function memoryLacking(
  { strategy = fedavgChoice, quorum = 1, kind }: Pick<RoundOrder, 'strategy' | 'quorum' | 'kind'>,
  { updateBytes, stagingBytesMax }: Held,
): string | null {
  const neededBytes = quorum * updateBytes;
  // One always fits.
  if (kind !== 'training' || quorum === 1 || neededBytes <= stagingBytesMax) return null;
  if (strategyOf(strategy).kind !== 'gathering') return null;
  return (
    `The strategy ${strategy.name} needs all updates of a round at once. The quorum of ${quorum} takes ` +
    `${neededBytes} bytes of staging memory, and there are ${stagingBytesMax} (--staging-bytes-max), so no round could be ` +
    `committed; raise it to ${neededBytes}, lower the quorum, or let updates be staged on the disk (--durability update, ` +
    'with a data folder)'
  );
}

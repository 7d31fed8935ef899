import type { StrategyChoice } from '../domain/strategy-choice.ts';
import { ownParametersOf } from '../strategies/of-own.ts';
import type { FinishTask, StateMade, SumRange } from './fold-task.ts';
import { gatheringRanges } from './gathering-lanes.ts';
import { overRanges } from './over-ranges.ts';
import { type OwnWork, withinItsTime } from './own-work.ts';
import type { SumBase } from './round-sum.ts';
import { bufferOf, type Span } from './shared-memory.ts';
import { rangeWithin } from './sum-layout.ts';

const valueBytes = Float64Array.BYTES_PER_ELEMENT;

/** A sum that a strategy of one's own shall make a model of. */
export interface OwnStepOrder {
  choice: StrategyChoice;
  chunks: readonly { range: SumRange; span: Span }[];
  divisor: number;
  baseShare: number;
  base: SumBase;
}

/**
 * Has a strategy of one's own take its step, a range of the model at a time. The sum holds the next model afterwards; of
 * the state there is a new one, and the old one stays.
 * @throws STRATEGY_FAILED
 */
export function stepByOwn(order: OwnStepOrder, work: OwnWork): Promise<StateMade> {
  const { choice, chunks, divisor, baseShare, base } = order;
  const facts = choice.own;
  if (!facts) throw new Error(`${choice.name} is not at hand`);
  const elements = Math.max(0, ...chunks.map(({ range }) => range.to));
  const values = new Float64Array(new SharedArrayBuffer(facts.slots.length * elements * valueBytes));
  const common = { name: choice.name, facts, parameters: ownParametersOf(facts, choice) };
  const lanes = Array.from({ length: work.runner.threads }, (_, lane) => lane);
  return withinItsTime(choice, work, async (signal) => {
    await overRanges(gatheringRanges(elements, 1), lanes, {
      act: async (range) => {
        const sum = rangeWithin(chunks, range);
        const made = await work.runner.step(
          { ...common, range, sum, divisor, baseShare, base, state: base.state, elements },
          signal,
        );
        return { range, sum, made };
      },
      take: ({ range, sum, made }) => {
        new Float64Array(bufferOf(sum.arena), sum.at, made.next.length).set(made.next);
        for (const [index, slot] of made.state.entries()) values.set(slot, index * elements + range.from);
      },
    });
    return { slots: facts.slots, values };
  });
}

/** What is left to do with a sum that holds the model already. */
export const nothingLeft: Pick<FinishTask, 'divisor' | 'base' | 'baseShare' | 'optimiser'> = {
  divisor: 1,
  base: null,
  baseShare: 0,
  optimiser: null,
};

/** What a thread for strategies of one's own can do. Nothing of theirs runs anywhere else. */
import { move } from 'piscina';
import { combineRows, type OwnCombineTask, type OwnStepTask, stepRange } from '../aggregator/own-work.ts';
import type { OwnStrategyFacts } from '../domain/strategy-choice.ts';
import { type AnyOwnStrategy, ownFactsOf } from '../strategies/own-strategy.ts';

/** @throws when the module cannot be loaded, or exports no strategy. @param url loaded once a thread */
export async function describe(url: string): Promise<OwnStrategyFacts> {
  return ownFactsOf(await exportOf(url), url);
}

export async function step(task: OwnStepTask) {
  const made = stepRange(await strategyOf(task.facts), task);
  return { next: made.next, state: made.state };
}

export async function combine(task: OwnCombineTask): Promise<Float64Array> {
  return move(combineRows(await strategyOf(task.facts), task)) as Float64Array;
}

async function strategyOf({ url, kind }: OwnStrategyFacts): Promise<AnyOwnStrategy> {
  if (url === null) throw new TypeError('it has no module');
  const found = await exportOf(url);
  // It may be another than when the server was started.
  if (ownFactsOf(found, url).kind !== kind) throw new TypeError(`it is not ${kind} any more`);
  return found as AnyOwnStrategy;
}

const exportOf = async (url: string): Promise<unknown> => ((await import(url)) as { default?: unknown }).default;

import { clockTime, plural } from './words.ts';

/** Where the aggregator stands: its machine's state, and what the machine decides from. */
export interface AggregatorSituation {
  state: string;
  /** Losses in a row. */
  losses: number;
  /** Why it was lost the last time. */
  reason: string | null;
  deadlineAtMs: number | null;
}

/** States in which it serves, and waits for what the round waits for. */
const serving: readonly string[] = ['idle', 'collecting', 'aggregating'];

export const isServing = ({ state }: Pick<AggregatorSituation, 'state'>): boolean => serving.includes(state);

/** What the aggregator waits for and until when, as a clause of a sentence. */
export function explainAggregator({ state, losses, reason, deadlineAtMs }: AggregatorSituation): string {
  const at = deadlineAtMs === null ? '' : ` at ${clockTime(deadlineAtMs)}`;
  const why = reason === null ? '' : ` (${reason})`;
  switch (state) {
    case 'starting':
      return `the aggregator is coming up; if it has not${at} it is started anew`;
    case 'resuming':
      return `the aggregator reads back what it had of the round; if it has not${at} it is started anew`;
    case 'restarting':
      return `the aggregator was lost${why} and is started again${at}`;
    case 'failed':
      return `the aggregator was lost ${plural(losses, 'time')} in a row${why} and is given up, until somebody restarts the server`;
    case 'idle':
      return 'the aggregator serves the last model, until a round is opened';
    case 'collecting':
      return 'the aggregator takes in updates, until the round closes';
    case 'aggregating':
      return 'the aggregator sums the contributions, until the round is over';
    default:
      return `the aggregator is ${state}`;
  }
}

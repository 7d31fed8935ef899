/** What the threads of the fold pool can do. Plain functions over shared memory; no state between tasks. */
export { addWeighted, finishMean, inspectUpdate } from '../aggregator/fold.ts';

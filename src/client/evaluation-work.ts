import type { Receipt } from '../domain/handle.ts';
import { checkMetrics } from '../domain/metrics.ts';
import type { DownloadedModel } from './chorus-client.ts';
import type { RoundContext } from './round-context.ts';
import type { RoundWatch } from './round-watch.ts';
import { type Assignment, atWork, deliver, taskOf } from './round-work.ts';
import type { Measured } from './task.ts';
import { localDeadline } from './ticket.ts';
import { unlessAborted } from './timers.ts';

/** `evaluate` threw, or returned what is no result, or there is none: that is its cause. */
export class EvaluateFailed extends Error {
  override readonly name = 'EvaluateFailed';
}

/**
 * Works on one evaluation: fetches the model, measures it, and reports what it measured.
 * @throws EvaluateFailed, VerdictMissed, RoundOver (which the listener was told of), refusals, ServerUnavailableError.
 */
export async function workOnEvaluation(context: RoundContext, assignment: Assignment): Promise<Receipt> {
  const { ticket } = assignment;
  const measured = await atWork(context, assignment, (model, watch) => measure(context, assignment, model, watch));
  const receipt = await deliver(context, assignment, ({ signal }) =>
    context.retry('evaluation', () => context.client.reportEvaluation(ticket, measured, { signal }), {
      signal,
      untilMs: localDeadline(ticket),
    }),
  );
  context.emit({ type: 'reported', receipt });
  return receipt;
}

async function measure(
  { evaluate, clock, emit }: RoundContext,
  { ticket, signal }: Assignment,
  model: DownloadedModel | null,
  watch: RoundWatch,
): Promise<Measured> {
  const { round, modelVersion } = ticket;
  const startedAtMs = clock.now();
  try {
    if (evaluate === null) throw new TypeError('This client was given no evaluate');
    if (model === null || modelVersion === null) throw new TypeError('There is no model to evaluate');
    const task = { ...taskOf(ticket, model, watch.signal), modelVersion, tensors: model.tensors };
    const measuring = (async () => evaluate(task))();
    // When only the evaluation is over, it is waited for all the same: the next call must find this one ended.
    const measured = checked(await unlessAborted(measuring, signal));
    watch.signal.throwIfAborted();
    emit({ type: 'evaluated', round, modelVersion, ...measured, durationMs: clock.now() - startedAtMs });
    return measured;
  } catch (error) {
    watch.signal.throwIfAborted();
    throw new EvaluateFailed('evaluate failed', { cause: error });
  }
}

/** The server would refuse it as well. Callers need not be type-checked. @throws METRICS_INVALID, TypeError, RangeError */
function checked(measured: Measured): Measured {
  if (typeof measured?.metrics !== 'object' || measured.metrics === null) {
    throw new TypeError('evaluate returned no result; return { numExamples, metrics }');
  }
  const { numExamples, metrics } = measured;
  if (!Number.isSafeInteger(numExamples) || numExamples < 1) {
    throw new RangeError(`numExamples is ${numExamples}; give a whole number from 1`);
  }
  return { numExamples, metrics: checkMetrics(Object.entries(metrics)) };
}

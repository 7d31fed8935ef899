import type { Evaluate } from '../domain/evaluate.ts';
import { checkMetrics, type Metrics } from '../domain/metrics.ts';
import type { ModelBlob } from '../domain/model.ts';
import type { Run } from '../domain/run.ts';
import type { Judgement } from '../machines/coordinator.setup.ts';
import { decodeSafetensors } from '../wire/safetensors.ts';
import type { ModelKeeper } from './model-keeper.ts';

/** The server's own evaluator. */
export interface Judge {
  /** @param signal ends it, whatever it is at. @throws what the evaluator throws; that its thread was lost */
  evaluate(model: ModelBlob, signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * @param evaluator the path of a module, which runs on a thread of its own; or a function, which runs in this one.
 * @throws {EvaluatorUnusable} the module cannot be loaded, or exports no `evaluate`.
 */
export async function createJudge(evaluator: string | Evaluate): Promise<Judge> {
  if (typeof evaluator === 'string') {
    const { startEvaluatorThread } = await import('../workers/evaluator-thread.ts');
    return startEvaluatorThread(evaluator);
  }
  return {
    evaluate: async ({ bytes, info }) => {
      // What it is given is its own: it may write to it.
      const { tensors, metadata } = decodeSafetensors(bytes.slice());
      return evaluator({ tensors, metadata, version: info.version });
    },
    close: async () => undefined,
  };
}

/** Lets it measure the model that is due. @throws whatever is wrong with it: the run goes on without its metrics. */
export async function judgeModel(
  judge: Judge | null,
  models: ModelKeeper,
  { evaluation }: Run,
  signal: AbortSignal,
): Promise<Judgement> {
  if (!judge) throw new Error('This server was started without an evaluator');
  if (evaluation === null) throw new Error('No model is to be evaluated');
  const model = await models.open(evaluation.version);
  signal.throwIfAborted();
  return { kind: 'judged', metrics: metricsFrom(await judge.evaluate(model, signal)) };
}

function metricsFrom(answer: unknown): Metrics {
  if (typeof answer !== 'object' || answer === null) throw new TypeError('evaluate returned no metrics by name');
  return checkMetrics(Object.entries(answer));
}

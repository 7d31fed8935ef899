/** What the evaluator's thread can do. */
import type { Evaluate } from '../domain/evaluate.ts';
import { decodeSafetensors } from '../wire/safetensors.ts';
import type { EvaluatorTask } from './evaluator-thread.ts';

/** @throws when the module cannot be loaded, or exports no `evaluate`. @param module its URL; loaded once a thread */
export async function load(module: string): Promise<void> {
  await evaluateOf(module);
}

export async function evaluate({ module, bytes, version }: EvaluatorTask): Promise<unknown> {
  const measure = await evaluateOf(module);
  // The bytes are shared with the server: what the module is given is its own.
  const { tensors, metadata } = decodeSafetensors(bytes.slice());
  return measure({ tensors, metadata, version });
}

async function evaluateOf(module: string): Promise<Evaluate> {
  const { evaluate: found } = (await import(module)) as { evaluate?: unknown };
  if (typeof found !== 'function') throw new TypeError('it exports no function evaluate');
  return found as Evaluate;
}

import { Arenas } from '../../src/aggregator/arenas.ts';
import { fold, kernelsFor } from '../../src/aggregator/kernels/kernels.ts';
import {
  combineTile,
  measuredLength,
  measureTile,
  type Tile,
  tileElementsMax,
  tileScratchBytes,
} from '../../src/aggregator/kernels/robust.ts';
import { bufferOf, type Span } from '../../src/aggregator/shared-memory.ts';
import type { ModelSchema } from '../../src/domain/model.ts';
import { createStrategy, strategyNamed } from '../../src/strategies/catalogue.ts';
import { initialState } from '../../src/strategies/optimiser-state.ts';
import { RunningTotals } from '../../src/strategies/running-totals.ts';
import type { Contribution, GatheringStrategy, RunningStrategy, Strategy } from '../../src/strategies/strategy.ts';

/** An update and what is known of it. */
export interface Update {
  numExamples: number;
  metrics: Record<string, number>;
  values: readonly number[];
  staleness?: number;
}

/** @throws when there is no such strategy, or the parameters are wrong. */
export function strategyOf(name: string, parameters: Record<string, unknown> = {}): Strategy {
  const definition = strategyNamed(name);
  if (!definition) throw new Error(`There is no strategy ${name}`);
  const result = createStrategy(definition, parameters);
  if (result.kind === 'invalid') throw new Error(result.problems.map(({ message }) => message).join(' '));
  return result.strategy;
}

const schemaOf = (elements: number): ModelSchema => [{ name: 'w', dtype: 'F64', shape: [elements] }];

/** A model in training: rounds of updates of F64 values, aggregated as the server does, by its kernels. */
export class Training {
  readonly #strategy: Strategy;
  readonly #arenas: Arenas;
  readonly #updateKind: 'weights' | 'deltas';
  state: Float64Array[];
  model: number[];

  constructor(
    strategy: Strategy,
    model: readonly number[],
    { memory = 'wasm', updateKind = 'weights' }: { memory?: 'wasm' | 'plain'; updateKind?: 'weights' | 'deltas' } = {},
  ) {
    this.#strategy = strategy;
    this.#arenas = new Arenas({ kind: memory, arenaBytes: 2 ** 22 });
    this.#updateKind = updateKind;
    this.model = [...model];
    const optimiser = strategy.kind === 'running' ? strategy.optimiser : null;
    this.state = optimiser ? initialState(optimiser, schemaOf(model.length)) : [];
  }

  /** @param updates full weights, whatever is folded. */
  round(updates: readonly Update[]): number[] {
    const unmet = this.#strategy.precondition(updates.length);
    if (unmet !== null) throw new RangeError(unmet);
    const sum = this.#place(this.model.map(() => 0));
    if (this.#strategy.kind === 'running') this.#run(this.#strategy, updates, sum);
    else this.#gather(this.#strategy, updates, sum);
    this.model = [...this.#values(sum)];
    return this.model;
  }

  #run(strategy: RunningStrategy, updates: readonly Update[], sum: Span): void {
    const count = this.model.length;
    const base = this.#place(this.model);
    const totals = new RunningTotals(strategy);
    for (const { values, ...known } of updates) {
      const delta = values.map((value, index) => value - (this.model[index] ?? 0));
      const deltaNorm = Math.sqrt(delta.reduce((total, value) => total + value * value, 0));
      const { weight, clear } = totals.add({ ...known, deltaNorm });
      if (clear) this.#values(sum).fill(0);
      const span = this.#place(this.#updateKind === 'weights' ? values : delta);
      if (weight !== 0) fold('F64', sum, count, [{ ...span, weight }]);
    }
    const { divisor, baseShare } = totals.finishing(this.#updateKind);
    kernelsFor(sum.arena).divide(sum, count, divisor);
    if (baseShare !== 0) fold('F64', sum, count, [{ ...base, weight: baseShare }]);
    const delta = this.#values(sum);
    strategy.optimiser?.step({ base: this.#values(base), delta, state: this.state, next: delta });
  }

  #gather(strategy: GatheringStrategy, updates: readonly Update[], sum: Span): void {
    const contributions = updates.map(({ values: _, ...known }): Contribution => ({ ...known, deltaNorm: null }));
    const spans = updates.map(({ values }) => this.#place(values));
    const scratch = this.#arenas.allocate(tileScratchBytes(updates.length), sum);
    const aggregation = strategy.aggregate(contributions);
    let next = aggregation.next();
    while (!next.done) {
      const measurement = next.value;
      const into = new Float64Array(measuredLength(measurement, updates.length));
      this.#eachTile(spans, scratch, (tile) => measureTile(measurement, tile, into));
      next = aggregation.next(into);
    }
    const combination = next.value;
    this.#eachTile(spans, scratch, (tile, element) =>
      combineTile(combination, tile, { arena: sum.arena, at: sum.at + element * 8 }),
    );
  }

  #eachTile(spans: readonly Span[], scratch: Span, act: (tile: Tile, element: number) => void): void {
    for (let element = 0; element < this.model.length; element += tileElementsMax) {
      const count = Math.min(tileElementsMax, this.model.length - element);
      const updates = spans.map(({ arena, at }) => ({ arena, at: at + element * 8 }));
      act({ dtype: 'F64', count, updates, scratch }, element);
    }
  }

  #place(values: readonly number[]): Span {
    const span = this.#arenas.allocate(values.length * 8);
    this.#values(span, values.length).set(values);
    return span;
  }

  #values(span: Span, count = this.model.length): Float64Array {
    return new Float64Array(bufferOf(span.arena), span.at, count);
  }
}

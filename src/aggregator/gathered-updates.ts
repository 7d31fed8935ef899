import { dtypes, elementCount, type ModelSchema } from '../domain/model.ts';
import type { StrategyChoice } from '../domain/strategy-choice.ts';
import { ownParametersOf } from '../strategies/of-own.ts';
import { type Combination, type GatheringStrategy, measurementsMax } from '../strategies/strategy.ts';
import type { Arenas } from './arenas.ts';
import type { FoldPiece, FoldPool, SumRange } from './fold-task.ts';
import { GatheringLane, gatheringRanges, rowOf } from './gathering-lanes.ts';
import { measuredLength, membersOf } from './kernels/robust.ts';
import { overRanges } from './over-ranges.ts';
import { type OwnWork, withinItsTime } from './own-work.ts';
import type { Made, RoundSum, SumBase, SumUpdate } from './round-sum.ts';
import { bytesOf, type Span } from './shared-memory.ts';
import type { StagedUpdates } from './staged-updates.ts';
import { chunksOf, piecesWithin, rangeWithin } from './sum-layout.ts';

export interface GatheringRule {
  choice: StrategyChoice;
  strategy: GatheringStrategy;
  updateKind: 'weights' | 'deltas';
}

export interface GatheringDeps {
  pool: FoldPool;
  arenas: Arenas;
  /** null: updates stay in memory until the round is closed. */
  updates: StagedUpdates | null;
  /** For a strategy of one's own; null: there is none. */
  own: OwnWork | null;
}

type Chunk = { range: SumRange; span: Span };

/**
 * All accepted updates of an attempt, for a strategy that needs them at once. Those that are on the disk are forgotten
 * here and read again when the round is closed, a range of the model at a time: what it takes is the result and, for
 * each thread, a few MiB of every update. The others stay where they were received, within the staging memory.
 */
export class GatheredUpdates implements RoundSum {
  readonly schema: ModelSchema;
  readonly span = undefined;
  readonly #rule: GatheringRule;
  readonly #deps: GatheringDeps;
  readonly #updates = new Map<string, SumUpdate>();
  /** Settles when what lies in memory is not needed any more. */
  readonly #released: Promise<void>;
  #release: () => void = () => undefined;
  #working: Promise<unknown> | null = null;

  constructor(schema: ModelSchema, rule: GatheringRule, deps: GatheringDeps) {
    this.schema = schema;
    this.#rule = rule;
    this.#deps = deps;
    this.#released = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  add(update: SumUpdate): Promise<void> {
    this.#updates.set(update.clientId, update);
    return this.#isOnDisk(update) ? Promise.resolve() : this.#released;
  }

  mean(contributions: readonly string[], base: SumBase | null, metadata: Record<string, string>): Promise<Made> {
    const made = this.#mean(contributions, base, metadata);
    this.#working = made;
    return made;
  }

  dispose(): void {
    void Promise.allSettled([this.#working]).then(() => this.#release());
  }

  async #mean(contributions: readonly string[], base: SumBase | null, metadata: Record<string, string>): Promise<Made> {
    const updates = this.#exactly(contributions);
    const { strategy, updateKind } = this.#rule;
    const { pool, arenas } = this.#deps;
    const elements = this.schema.reduce((total, { shape }) => total + elementCount(shape), 0);
    const ranges = gatheringRanges(elements, updates.length);
    const lanes: GatheringLane[] = [];
    const chunks: Chunk[] = [];
    try {
      for (let lane = 0; lane < Math.max(1, Math.min(pool.threads, ranges.length)); lane += 1) {
        lanes.push(new GatheringLane(arenas, this.schema, ranges, updates.length));
      }
      const run = strategy.aggregate(updates.map(({ contribution }) => contribution));
      const combination = await this.#measured(run, updates, ranges, lanes);
      for (const range of chunksOf(elements)) {
        chunks.push({ range, span: arenas.allocate((range.to - range.from) * Float64Array.BYTES_PER_ELEMENT) });
      }
      if (combination.kind === 'own') await this.#combineByOwn(updates, ranges, lanes, chunks);
      else await this.#combine(combination, updates, ranges, lanes, chunks);
      const isDelta = updateKind === 'deltas';
      const last = { divisor: 1, base: isDelta ? base : null, baseShare: isDelta ? 1 : 0, optimiser: null };
      const finished = await pool.finish({ chunks, schema: this.schema, metadata, ...last });
      const members = membersOf(combination).flatMap((index) => contributions[index] ?? []);
      return { ...finished, members: members.length === contributions.length ? null : members };
    } finally {
      for (const lane of lanes) lane.free();
      for (const { span } of chunks) arenas.free(span);
    }
  }

  #exactly(contributions: readonly string[]): SumUpdate[] {
    const updates = contributions.flatMap((clientId) => this.#updates.get(clientId) ?? []);
    if (updates.length !== contributions.length || updates.length !== this.#updates.size) {
      throw new Error(`There are ${this.#updates.size} contributions here, not the ${contributions.length} that count`);
    }
    return updates;
  }

  /** Gives the strategy what it asks for. @returns how the updates shall be combined */
  async #measured(
    run: ReturnType<GatheringStrategy['aggregate']>,
    updates: readonly SumUpdate[],
    ranges: readonly SumRange[],
    lanes: readonly GatheringLane[],
  ): Promise<Combination> {
    let next = run.next();
    for (let measurements = 0; !next.done; measurements += 1) {
      if (measurements === measurementsMax) throw new RangeError(`${this.#rule.choice.name} measures without end`);
      const measurement = next.value;
      const into = new Float64Array(measuredLength(measurement, updates.length));
      await overRanges(ranges, lanes, {
        act: async (range, lane) => {
          const runs = await this.#fill(lane, updates, range);
          return this.#deps.pool.measure({ measurement, rows: lane.rows(runs) });
        },
        take: (part) => {
          for (const [index, value] of part.entries()) into[index] = (into[index] ?? 0) + value;
        },
      });
      next = run.next(into);
    }
    return next.value;
  }

  async #combine(
    combination: Combination,
    updates: readonly SumUpdate[],
    ranges: readonly SumRange[],
    lanes: readonly GatheringLane[],
    chunks: readonly Chunk[],
  ): Promise<void> {
    const members = new Set(membersOf(combination));
    await overRanges(ranges, lanes, {
      act: async (range, lane) => {
        const runs = await this.#fill(lane, updates, range, members);
        await this.#deps.pool.combine({ combination, rows: lane.rows(runs), into: lane.into });
        const part = rangeWithin(chunks, range);
        bytesOf(part).set(bytesOf(lane.into, part.bytes));
      },
      take: () => undefined,
    });
  }

  /** As {@link #combine}, by a strategy of one's own. @throws STRATEGY_FAILED */
  #combineByOwn(
    updates: readonly SumUpdate[],
    ranges: readonly SumRange[],
    lanes: readonly GatheringLane[],
    chunks: readonly Chunk[],
  ): Promise<void> {
    const { choice } = this.#rule;
    const { own } = this.#deps;
    const facts = choice.own;
    if (!own || !facts) throw new Error(`${choice.name} is not at hand`);
    const weights = updates.map(({ contribution }) => contribution.numExamples);
    const common = { name: choice.name, facts, parameters: ownParametersOf(facts, choice), weights };
    return withinItsTime(choice, own, (signal) =>
      overRanges(ranges, lanes, {
        act: async (range, lane) => {
          const runs = await this.#fill(lane, updates, range);
          const task = { ...common, rows: lane.rows(runs), count: range.to - range.from };
          return { range, values: await own.runner.combine(task, signal) };
        },
        take: ({ range, values }) => bytesOf(rangeWithin(chunks, range)).set(new Uint8Array(values.buffer)),
      }),
    );
  }

  /** Puts the values of a range into the rows of a lane. @returns how they lie there. @throws when they cannot be read */
  async #fill(
    lane: GatheringLane,
    updates: readonly SumUpdate[],
    range: SumRange,
    members?: ReadonlySet<number>,
  ): Promise<FoldPiece[]> {
    const runs = rowOf(this.schema, range);
    const reads = updates.map((update, index) =>
      members?.has(index) === false ? null : this.#read(update, range, runs, lane.row(index)),
    );
    // All of them, also when one failed: until then the memory is theirs.
    const ends = await Promise.allSettled(reads);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return runs;
  }

  async #read(
    update: SumUpdate,
    range: SumRange,
    runs: readonly FoldPiece[],
    row: Uint8Array<SharedArrayBuffer>,
  ): Promise<void> {
    for (const { dtype, byteOffset, count, at } of piecesWithin(update.pieces, range)) {
      const run = runs.find((each) => each.at <= at && at + count <= each.at + each.count);
      if (!run) throw new Error('An update is laid out unlike its schema');
      const bytes = count * dtypes[dtype];
      const to = run.byteOffset + (at - run.at) * dtypes[dtype];
      const into = row.subarray(to, to + bytes);
      const { place, span } = update;
      if (place && this.#deps.updates) await this.#deps.updates.read({ at: place.at + byteOffset, bytes }, into);
      else into.set(bytesOf(span).subarray(byteOffset, byteOffset + bytes));
    }
  }

  #isOnDisk({ place }: SumUpdate): boolean {
    return place !== null && this.#deps.updates !== null;
  }
}

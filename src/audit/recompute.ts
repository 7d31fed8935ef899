import { inlineFoldPool } from '../aggregator/inline-pool.ts';
import { Aggregation } from '../aggregator/service.ts';
import type { Aggregate, PublishedModel, RoundOrder } from '../domain/aggregation.ts';
import { systemClock } from '../domain/clock.ts';
import type { Refusal } from '../domain/errors.ts';
import type { UpdatePlace } from '../domain/facts.ts';
import type { ModelInfo } from '../domain/model.ts';
import { stalenessFactor, strategyChoice } from '../domain/plan.ts';
import type { Run } from '../domain/run.ts';
import { isOwnStrategy } from '../domain/strategy-choice.ts';
import { pathOfModel } from '../storage/file-model-store.ts';
import type { Commit } from './commit-check.ts';
import type { DataFolder } from './data-folder.ts';
import { KeptUpdates, openUpdates, updateProblems } from './kept-updates.ts';

/** Memory for updates that are read and not summed yet, bytes; one fits always. */
const stagingBytesMax = 2 ** 26;

/**
 * Makes models again from the updates that were kept. It is the aggregator service itself that does so, on the way that it
 * takes after a restart: each update is held against its receipt, and they are summed in the order in which they were
 * accepted, which gives the bits.
 */
export class Recomputation {
  readonly #folder: DataFolder;
  readonly #onBytes: (bytes: number) => void;
  readonly #service: Aggregation;

  constructor(folder: DataFolder, onBytes: (bytes: number) => void) {
    this.#folder = folder;
    this.#onBytes = onBytes;
    const nobody = {
      endTraining: () => ({ kind: 'discarded', detail: 'Nobody trains' }) as const,
      uploadRefused: () => undefined,
    };
    this.#service = new Aggregation({
      clock: systemClock,
      pool: inlineFoldPool,
      callbacks: nobody,
      stagingBytesMax,
      memory: 'wasm',
      updates: new KeptUpdates(folder, onBytes),
    });
  }

  /**
   * @param base the model that the round's clients started from; its file is as it was committed.
   * @returns a sentence for everything that is not as it was; null when its updates were not kept, or its strategy is one
   * of somebody's own, of which the folder knows the name only.
   */
  async problemsOf(commit: Commit, base: ModelInfo | null): Promise<string[] | null> {
    const { run, record, model, places } = commit;
    if (isOwnStrategy(strategyChoice(run.plan).name)) return null;
    const updates = places && (await openUpdates(this.#folder, record));
    if (!updates) return null;
    try {
      const made = await this.#make(commit, places, base);
      if ('sha256' in made) {
        if (made.sha256 === model.sha256) return stateProblems(commit, made);
        return [
          `Round ${record.round}: its ${record.contributions.length} updates, summed in their order, make a model with SHA-256 ${made.sha256}; model version ${model.version} is another, ${model.sha256}.`,
        ];
      }
      const problems = await updateProblems(updates, record.contributions, places, this.#onBytes);
      return problems.length > 0 ? problems : [`Round ${record.round}: its updates make no model: ${made.detail}.`];
    } finally {
      await updates.file.close();
    }
  }

  close(): Promise<unknown> {
    return this.#service.close();
  }

  async #make(
    { run, record }: Commit,
    places: readonly UpdatePlace[],
    base: ModelInfo | null,
  ): Promise<Aggregate | Refusal> {
    const service = this.#service;
    const published = await service.publish(base && (await this.#read(base)));
    if (published.kind === 'refused') return published;
    const contributions = record.contributions.map(
      ({ round, clientId, sha256, numExamples, staleness = 0 }, index) => ({
        receipt: { round, clientId, sha256, numExamples },
        staged: places[index] ?? { at: 0, bytes: 0 },
        weightFactor: stalenessFactor(run.plan, staleness),
      }),
    );
    const opened = await service.openRound(orderOf(run, base), { credentials: [], contributions });
    if (opened.kind === 'refused') return opened;
    const { round, attempt } = record;
    const clientIds = record.contributions.map(({ clientId }) => clientId);
    const closed = await service.closeRound({ round, attempt, contributions: clientIds });
    return closed.kind === 'ok' ? closed.value : closed;
  }

  /** @throws a system error. */
  async #read(info: ModelInfo): Promise<PublishedModel> {
    const bytes = await this.#readFile(info);
    return { info, bytes, state: info.state ? await this.#readFile(info.state) : null };
  }

  async #readFile({ sha256, bytes: length }: { sha256: string; bytes: number }): Promise<SharedArrayBuffer> {
    const bytes = new SharedArrayBuffer(length);
    const file = await this.#folder.open(pathOfModel(sha256));
    try {
      await file?.read(new Uint8Array(bytes), 0);
    } finally {
      await file?.close();
    }
    return bytes;
  }
}

function stateProblems({ record, model }: Commit, { state }: Aggregate): string[] {
  const [made, kept] = [state?.sha256 ?? 'none', model.state?.sha256 ?? 'none'];
  if (made === kept) return [];
  return [
    `Round ${record.round}: its updates leave the strategy with another state, ${made}, than model version ${model.version} has, ${kept}.`,
  ];
}

const orderOf = ({ run, round, attempt, plan }: Run, base: ModelInfo | null): RoundOrder => ({
  run,
  round,
  attempt,
  kind: 'training',
  deadlineAtMs: 0,
  uploadAttemptsMax: plan.uploadAttemptsMax,
  downloadsMax: plan.downloadsMax,
  payloadBytesMax: plan.payloadBytesMax,
  numExamplesMax: plan.numExamplesMax,
  updateNormMax: plan.updateNormMax,
  updateKind: plan.updateKind,
  aggregationWindowMs: plan.aggregationWindowMs,
  strategy: strategyChoice(plan),
  modelVersion: base?.version ?? null,
});

import type { Aggregate } from '../domain/aggregation.ts';
import { ChorusError, fromRefusal } from '../domain/errors.ts';
import type { ModelBlob, ModelInfo } from '../domain/model.ts';
import type { Plan } from '../domain/plan.ts';
import type { ModelStore } from '../storage/model-store.ts';
import type { AggregatorActor } from './aggregator.actor.ts';

/** What a model's committer knows of it. */
type ModelFacts = Omit<ModelInfo, 'version' | 'sha256' | 'bytes'>;

/**
 * Which model is the current one: numbers versions, stores before it publishes, and never goes back to an older model.
 * Bytes stay in shared memory; only references pass through here.
 */
export class ModelKeeper {
  readonly #store: ModelStore;
  readonly #aggregator: AggregatorActor;
  #current: ModelInfo | null = null;
  /** Commits come one after another: each takes the next version. */
  #queue: Promise<unknown> = Promise.resolve();
  #announced: Promise<unknown> = Promise.resolve();

  constructor(store: ModelStore, aggregator: AggregatorActor) {
    this.#store = store;
    this.#aggregator = aggregator;
  }

  /** The model that clients of the current run start from; null: its first contributions define it. */
  get current(): ModelInfo | null {
    return this.#current;
  }

  list(): ModelInfo[] {
    return this.#store.list();
  }

  get latest(): ModelInfo | null {
    return this.#store.list().at(-1) ?? null;
  }

  async open(version: number | 'latest'): Promise<ModelBlob> {
    const wanted = version === 'latest' ? this.latest?.version : version;
    const model = wanted === undefined ? null : await this.#store.open(wanted);
    if (!model) {
      throw new ChorusError(
        'MODEL_UNKNOWN',
        version === 'latest' ? 'No model was committed yet' : `There is no model version ${version}`,
      );
    }
    return model;
  }

  /** A run begins. */
  begin(initialModel: Plan['initialModel']): void {
    this.#current = initialModel === 'latest' ? this.latest : null;
  }

  /**
   * Makes the aggregator serve the current model: once there is one, and before a round opens, so that it never serves
   * another one's. Announcements come one after another, so that none overtakes a newer one.
   */
  announce(): Promise<void> {
    const turn = this.#announced.then(() => this.#announce());
    this.#announced = turn.catch(() => undefined);
    return turn;
  }

  async #announce(): Promise<void> {
    const current = this.#current;
    const model = current ? await this.#store.open(current.version) : null;
    if (current && !model) throw new Error(`Model version ${current.version} is missing from the store`);
    const answer = await this.#aggregator.publish(model ? { info: model.info, bytes: model.bytes.buffer } : null);
    if (answer.kind === 'refused') throw fromRefusal(answer);
  }

  /**
   * Stores an aggregate as the next version. It is the current model from then on, and not before.
   * @param signal aborted when the round that asks is over: then nothing is stored.
   */
  async commit({ bytes, sha256 }: Aggregate, about: ModelFacts, signal: AbortSignal): Promise<ModelInfo> {
    const turn = this.#queue.then(async () => {
      const version = (this.latest?.version ?? 0) + 1;
      const info: ModelInfo = { version, sha256, bytes: bytes.byteLength, ...about };
      await this.#store.put(info, bytes, signal);
      this.#current = info;
      return info;
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Checks and stores an initial model. @param signal aborted when it is too late for one. */
  async install(bytes: Uint8Array, run: string, atMs: number, signal: AbortSignal): Promise<ModelInfo> {
    const shared = new SharedArrayBuffer(bytes.byteLength);
    new Uint8Array(shared).set(bytes);
    const checked = await this.#aggregator.checkModel(shared);
    if (checked.kind === 'refused') throw fromRefusal(checked);
    const about = { run, round: 0, createdAtMs: atMs, contributions: 0, numExamples: 0, metrics: {} };
    return this.commit(checked.value, about, signal);
  }
}

import type { Aggregate } from '../domain/aggregation.ts';
import { ChorusError, fromRefusal } from '../domain/errors.ts';
import type { ModelBlob, ModelInfo, ModelView } from '../domain/model.ts';
import type { History } from '../history/history.ts';
import type { ModelStore } from '../storage/model-store.ts';
import type { AggregatorActor } from './aggregator.actor.ts';

/** What a model's committer knows of it. */
type ModelFacts = Omit<ModelInfo, 'version' | 'sha256' | 'bytes'>;

/**
 * The models' bytes: stored before a model is committed, opened for readers, and given to the aggregator to serve. Which
 * versions there are, and which is the current one, is the history's. Bytes stay in shared memory.
 */
export class ModelKeeper {
  readonly #store: ModelStore;
  readonly #aggregator: AggregatorActor;
  readonly #history: History;
  #announced: Promise<unknown> = Promise.resolve();

  constructor(store: ModelStore, aggregator: AggregatorActor, history: History) {
    this.#store = store;
    this.#aggregator = aggregator;
    this.#history = history;
  }

  /** The model that clients of the current run start from; null: its first contributions define it. */
  get current(): ModelInfo | null {
    return this.#history.current;
  }

  /** Versions whose bytes are at hand, oldest first. */
  list(): ModelView[] {
    return this.#history.models.filter(({ sha256 }) => this.#store.has(sha256));
  }

  get latest(): ModelInfo | null {
    return this.#history.models.at(-1) ?? null;
  }

  async open(version: number | 'latest'): Promise<ModelBlob> {
    // Versions are numbered from 1 without gaps.
    const info = version === 'latest' ? this.latest : this.#history.models[version - 1];
    const bytes = info ? await this.#store.open(info.sha256) : null;
    if (!info || !bytes) {
      throw new ChorusError(
        'MODEL_UNKNOWN',
        version === 'latest' ? 'No model was committed yet' : `There is no model version ${version}`,
      );
    }
    return { info, bytes };
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
    const { current } = this;
    const bytes = current ? await this.#store.open(current.sha256) : null;
    if (current && !bytes) throw new Error(`Model version ${current.version} is missing from the store`);
    const kept = current?.state ? await this.#store.open(current.state.sha256) : null;
    if (current?.state && !kept)
      throw new Error(`The strategy’s state of version ${current.version} is missing from the store`);
    const state = kept?.buffer ?? null;
    const model = current && bytes ? { info: current, bytes: bytes.buffer, state } : null;
    const answer = await this.#aggregator.publish(model);
    if (answer.kind === 'refused') throw fromRefusal(answer);
  }

  /** Stores a model's bytes durably, and what its strategy keeps. It is no version until it is committed. */
  async store({ bytes, sha256, state }: Aggregate): Promise<void> {
    if (state) await this.#store.put(state.sha256, state.bytes);
    await this.#store.put(sha256, bytes);
  }

  /** The model as the next version; to be committed before anything else happens. */
  next({ bytes, sha256, state }: Aggregate, about: ModelFacts): ModelInfo {
    const kept = state ? { state: { sha256: state.sha256, bytes: state.bytes.byteLength } } : {};
    return { version: (this.latest?.version ?? 0) + 1, sha256, bytes: bytes.byteLength, ...about, ...kept };
  }

  /** Checks and stores an initial model. @throws any refusal of the codec */
  async admit(bytes: Uint8Array): Promise<Aggregate> {
    const shared = new SharedArrayBuffer(bytes.byteLength);
    new Uint8Array(shared).set(bytes);
    const checked = await this.#aggregator.checkModel(shared);
    if (checked.kind === 'refused') throw fromRefusal(checked);
    await this.store(checked.value);
    return checked.value;
  }
}

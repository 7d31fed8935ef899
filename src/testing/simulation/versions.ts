import type { RoundRecord } from '../../domain/handle.ts';
import type { ModelInfo, Tensors } from '../../domain/model.ts';
import { decodeSafetensors } from '../../wire/safetensors.ts';
import { firstDifference } from './first-difference.ts';
import type { ModelReference, ReferenceUpdate } from './reference.ts';
import { isOfDisk, type LiveServer } from './server.ts';
import type { Invariant } from './violation.ts';
import type { World } from './world.ts';

/** How soon a model is read again that the disk could not read, ms. */
const readAgainMs = 1_000;

/** A committed model that was not read yet. */
interface Unverified {
  readonly round: number;
  readonly expected: Tensors;
}

export interface VersionsOptions {
  /** What a round's contributions must make. */
  reference: ModelReference;
  /** What the operator installs. */
  initialModel: Tensors;
}

/** The models that were committed: versions rise one by one, none is lost, and each is what its contributions make. */
export class Versions {
  readonly #world: World;
  readonly #options: VersionsOptions;
  readonly #infos: ModelInfo[] = [];
  /** The newest model, as far as it is known. */
  #model: Tensors | null = null;
  readonly #unverified = new Map<number, Unverified>();

  constructor(world: World, options: VersionsOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** The newest model, or null. */
  get model(): Tensors | null {
    return this.#model;
  }

  /** Whether every committed model was read and found to be what it must be. */
  get isSettled(): boolean {
    return this.#unverified.size === 0;
  }

  /** @param updates the contributions as they were sent, in their order; null: they cannot be told */
  committed(live: LiveServer, { round, modelVersion }: RoundRecord, updates: readonly ReferenceUpdate[] | null): void {
    if (modelVersion === null) {
      this.#fail('versions rise', `round ${round} was committed without a version`);
      return;
    }
    this.#checkNext(live, modelVersion);
    const { reference } = this.#options;
    if (!updates) return;
    const expected = reference.next(updates, this.#model);
    this.#model = expected;
    this.#unverified.set(modelVersion, { round, expected });
    this.#verify(live, modelVersion);
  }

  /** What was committed once is there as it was, also after a crash. */
  checkAll(live: LiveServer): void {
    this.#noteInstalled(live);
    const models = new Map(live.handle.models().map((model) => [model.version, model]));
    for (const { version, sha256 } of this.#infos) {
      const there = models.get(version);
      if (there?.sha256 === sha256) continue;
      this.#fail('models stay', `version ${version} is ${there ? 'another model' : 'gone'}`);
    }
    if (models.size !== this.#infos.length) {
      this.#fail('versions rise', `${models.size} versions are there, and ${this.#infos.length} were committed`);
    }
    for (const version of this.#unverified.keys()) this.#verify(live, version);
  }

  /** A model that the operator installed is a version too. */
  #noteInstalled({ handle }: LiveServer): void {
    for (const model of handle.models()) {
      if (model.round !== 0 || model.version !== (this.#infos.at(-1)?.version ?? 0) + 1) continue;
      this.#infos.push({ ...model });
      this.#model = this.#options.initialModel;
    }
  }

  #checkNext(live: LiveServer, version: number): void {
    this.#noteInstalled(live);
    const before = this.#infos.at(-1)?.version ?? 0;
    if (version !== before + 1) this.#fail('versions rise', `version ${before} was followed by ${version}`);
    const info = live.handle.models().find((model) => model.version === version);
    if (info) this.#infos.push({ ...info });
    else this.#fail('models stay', `version ${version} was committed, and is not there`);
  }

  /** Reads a committed model and holds it against what it must be. */
  #verify(live: LiveServer, version: number): void {
    const { round, expected } = this.#unverified.get(version) ?? {};
    if (!expected) return;
    live.handle.openModel(version).then(
      ({ bytes }) => {
        if (live.isDead) return;
        this.#unverified.delete(version);
        const { tolerance } = this.#options.reference;
        const difference = firstDifference(expected, decodeSafetensors(bytes).tensors, tolerance);
        if (difference) this.#fail('right model', `in the model of round ${round}, ${difference}`);
      },
      (error: unknown) => {
        if (live.isDead) return;
        if (isOfDisk(error)) this.#world.scheduler.after(readAgainMs, () => this.#verifyAgain(live, version));
        else this.#fail('models stay', `version ${version} cannot be opened: ${String(error)}`);
      },
    );
  }

  #verifyAgain(live: LiveServer, version: number): void {
    if (live.isDead) return;
    this.#world.touch();
    this.#verify(live, version);
  }

  #fail(invariant: Invariant, sentence: string): void {
    this.#world.violate({ invariant, sentence });
  }
}

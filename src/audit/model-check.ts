import type { ModelInfo } from '../domain/model.ts';
import { pathOfModel } from '../storage/file-model-store.ts';
import type { DataFolder } from './data-folder.ts';
import { sha256Of } from './hashing.ts';

type Stored = Pick<ModelInfo, 'sha256' | 'bytes'>;

/** Holds the files of models against what the journal says of them; each file is read once. */
export class ModelCheck {
  readonly #folder: DataFolder;
  readonly #onBytes: (bytes: number) => void;
  /** Why a file is not the model of this SHA-256, or null. */
  readonly #found = new Map<string, string | null>();

  constructor(folder: DataFolder, onBytes: (bytes: number) => void) {
    this.#folder = folder;
    this.#onBytes = onBytes;
  }

  /** Whether it was looked at, and is what was committed. */
  isGood(sha256: string): boolean {
    return this.#found.get(sha256) === null;
  }

  /** @returns a sentence when the file is not the model, or what its strategy kept is not there, or null. */
  async problemOf(model: ModelInfo): Promise<string | null> {
    const { state, version } = model;
    const problem = (await this.#once(model)) ?? (state ? await this.#once(state) : null);
    return problem && `Model version ${version}: ${problem}.`;
  }

  async #once(stored: Stored): Promise<string | null> {
    const known = this.#found.get(stored.sha256);
    if (known !== undefined) return known;
    const problem = await this.#look(stored);
    this.#found.set(stored.sha256, problem);
    return problem;
  }

  async #look({ sha256, bytes }: Stored): Promise<string | null> {
    const path = pathOfModel(sha256);
    const file = await this.#folder.open(path);
    if (!file) return `${path} is missing`;
    try {
      if (file.bytes !== bytes) return `${path} has ${file.bytes} bytes, and should have ${bytes}`;
      const { sha256: found } = await sha256Of(file, { at: 0, bytes }, this.#onBytes);
      return found === sha256 ? null : `${path} is damaged: its SHA-256 is ${found}`;
    } finally {
      await file.close();
    }
  }
}

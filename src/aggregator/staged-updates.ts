import { ChorusError } from '../domain/errors.ts';
import type { UpdatePlace } from '../domain/facts.ts';
import type { AttemptKey, UpdateStore } from '../storage/update-store.ts';

/** When to try again on a disk that takes nothing, ms. */
const storageRetryAfterMs = 5_000;

/**
 * The store of accepted updates, as rounds use it: attempts are opened and ended one after another, and what the disk
 * refuses becomes STORAGE_UNAVAILABLE.
 */
export class StagedUpdates {
  readonly #store: UpdateStore;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: UpdateStore) {
    this.#store = store;
  }

  /** @throws STORAGE_UNAVAILABLE */
  open(attempt: AttemptKey): Promise<void> {
    return this.#inTurn('The round cannot be opened', () => this.#store.open(attempt));
  }

  /** @param bytes may lie in shared memory; must not change meanwhile. @throws STORAGE_UNAVAILABLE */
  async put(bytes: Uint8Array): Promise<UpdatePlace> {
    try {
      return await this.#store.put(bytes);
    } catch (error) {
      throw storageUnavailable('The update cannot be kept', error);
    }
  }

  /** @throws a system error, or when the bytes are not all there. */
  read(place: UpdatePlace, into: Uint8Array): Promise<void> {
    return this.#store.read(place, into);
  }

  /** @throws STORAGE_UNAVAILABLE */
  end(committed: boolean): Promise<void> {
    return this.#inTurn('Staged updates cannot be removed', () => this.#store.end(committed));
  }

  close(): Promise<void> {
    return this.#inTurn('Staged updates cannot be closed', () => this.#store.close());
  }

  #inTurn(failure: string, act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(async () => {
      try {
        await act();
      } catch (error) {
        throw storageUnavailable(failure, error);
      }
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** Says which system error it was, and nothing of paths. */
const storageUnavailable = (what: string, cause: unknown): ChorusError =>
  new ChorusError('STORAGE_UNAVAILABLE', `${what}: ${systemCodeOf(cause) ?? 'the disk failed'}`, {
    retryAfterMs: storageRetryAfterMs,
    cause,
  });

/** Of Node's system errors: `ENOSPC`, `EIO`, … */
export function systemCodeOf(error: unknown): string | null {
  const isCoded = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return isCoded ? String(error.code) : null;
}

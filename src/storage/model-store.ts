import type { ModelBlob, ModelInfo } from '../domain/model.ts';

/**
 * Where committed models live. A model is there whole or not at all; a version once put is never changed or lost.
 */
export interface ModelStore {
  /** Oldest first. */
  list(): ModelInfo[];
  /**
   * Stores a model durably. Putting a version again (a retry of a commit that failed half-way) replaces what the failed
   * try left behind. @throws when it cannot be stored, or `signal` is aborted before it is; then `list` does not have it.
   */
  put(info: ModelInfo, bytes: SharedArrayBuffer, signal: AbortSignal): Promise<void>;
  /** @returns the model, or null when there is no such version. @throws when its bytes are damaged. */
  open(version: number): Promise<(ModelBlob & { bytes: Uint8Array<SharedArrayBuffer> }) | null>;
}

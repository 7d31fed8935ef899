/**
 * The bytes of committed models, by their SHA-256. Which versions there are is in the journal; a model is stored before
 * the journal says that it is committed. A model is there whole or not at all.
 */
export interface ModelStore {
  /** Stores a model durably. There already is fine. @throws when it cannot be stored. */
  put(sha256: string, bytes: SharedArrayBuffer): Promise<void>;
  /** Whether it is there still: a store in memory has a bound. */
  has(sha256: string): boolean;
  /** @returns the model, or null when there is none. @throws when its bytes are not those that were stored. */
  open(sha256: string): Promise<Uint8Array<SharedArrayBuffer> | null>;
}

import type { ModelStore } from './model-store.ts';

/** Models kept; those stored first go first, never the newest. */
const modelsKeptMax = 32;
/** Bytes that they may have together, but for the newest. */
const defaultBytesKeptMax = 2 ** 30;

/** Models in shared memory: for embedding and tests. Gone with the process. */
export function createMemoryModelStore({ bytesKeptMax = defaultBytesKeptMax } = {}): ModelStore {
  const models = new Map<string, Uint8Array<SharedArrayBuffer>>();
  return {
    has: (sha256) => models.has(sha256),
    put: async (sha256, bytes) => {
      models.delete(sha256);
      models.set(sha256, new Uint8Array(bytes));
      let bytesKept = [...models.values()].reduce((total, model) => total + model.byteLength, 0);
      for (const [oldest, model] of models) {
        if (oldest === sha256 || (models.size <= modelsKeptMax && bytesKept <= bytesKeptMax)) break;
        models.delete(oldest);
        bytesKept -= model.byteLength;
      }
    },
    open: async (sha256) => models.get(sha256) ?? null,
  };
}

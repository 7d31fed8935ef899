import type { ModelInfo } from '../domain/model.ts';
import type { ModelStore } from './model-store.ts';

/** Versions kept; the oldest go first, never the latest. */
const modelsKeptMax = 32;

/** Models in shared memory: for embedding and tests. Gone with the process. */
export function createMemoryModelStore(): ModelStore {
  const models = new Map<number, { info: ModelInfo; bytes: Uint8Array<SharedArrayBuffer> }>();
  return {
    list: () => [...models.values()].map(({ info }) => info),
    put: async (info, bytes, signal) => {
      signal.throwIfAborted();
      models.set(info.version, { info, bytes: new Uint8Array(bytes) });
      const [oldest] = models.keys();
      if (models.size > modelsKeptMax && oldest !== undefined) models.delete(oldest);
    },
    open: async (version) => models.get(version) ?? null,
  };
}

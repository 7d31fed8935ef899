import type { ModelInfo } from '../domain/model.ts';
import type { ModelStore } from './model-store.ts';

/** Versions kept; the oldest go first, never the latest. */
const modelsKeptMax = 32;
/** Bytes that they may have together, but for the latest. */
const defaultBytesKeptMax = 2 ** 30;

/** Models in shared memory: for embedding and tests. Gone with the process. */
export function createMemoryModelStore({ bytesKeptMax = defaultBytesKeptMax } = {}): ModelStore {
  const models = new Map<number, { info: ModelInfo; bytes: Uint8Array<SharedArrayBuffer> }>();
  return {
    list: () => [...models.values()].map(({ info }) => info),
    put: async (info, bytes, signal) => {
      signal.throwIfAborted();
      models.set(info.version, { info, bytes: new Uint8Array(bytes) });
      let bytesKept = [...models.values()].reduce((total, model) => total + model.bytes.byteLength, 0);
      for (const [version, model] of models) {
        const isLatest = version === info.version;
        if (isLatest || (models.size <= modelsKeptMax && bytesKept <= bytesKeptMax)) break;
        models.delete(version);
        bytesKept -= model.bytes.byteLength;
      }
    },
    open: async (version) => models.get(version) ?? null,
  };
}

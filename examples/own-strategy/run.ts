/** Five clients, one of which sends rubbish, under a strategy of one's own. */

import { participate, tensor } from '../../src/client/index.ts';
import { createChorus } from '../../src/index.ts';

/** Runs two rounds. @returns the weights of the last model @param print is given a line for each version */
export async function runExample(print: (line: string) => void): Promise<number[]> {
  const module = new URL('clipped-median.js', import.meta.url).pathname;
  const chorus = await createChorus({
    strategies: { 'clipped-median': module },
    plan: { rounds: 2, minClients: 5, strategy: 'module:clipped-median', heartbeatIntervalMs: 100 },
  });
  try {
    const { coordinatorUrl: url } = await chorus.listen({ coordinator: 0, aggregator: 0 });
    const honest = [1, 2, 3, 4].map((wanted) => ({ wanted, send: (weight: number) => (weight + wanted) / 2 }));
    const clients = [...honest.map(({ send }) => send), () => 1_000_000];
    await Promise.all(
      clients.map((send) =>
        participate({
          url,
          train: ({ tensors }) => ({ tensors: { w: tensor([send(tensors?.w?.data[0] ?? 0)]) }, numExamples: 1 }),
        }),
      ),
    );
    const weights: number[] = [];
    for (const { version } of chorus.handle.models()) {
      const weight = await weightOf(chorus.handle, version);
      weights.push(weight);
      print(`version ${version}: ${weight}`);
    }
    return weights;
  } finally {
    await chorus.close();
  }
}

async function weightOf(handle: Awaited<ReturnType<typeof createChorus>>['handle'], version: number): Promise<number> {
  const { bytes } = await handle.openModel(version);
  // One float32 stands at the end of the file.
  return new DataView(bytes.buffer, bytes.byteOffset + bytes.byteLength - 4, 4).getFloat32(0, true);
}

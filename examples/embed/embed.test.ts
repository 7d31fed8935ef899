import { expect, it } from 'vitest';
import { participate } from '../../src/client/index.ts';
import { createChorus } from '../../src/index.ts';

it('trains one model with three clients in this process', async () => {
  const chorus = await createChorus({ plan: { rounds: 2, minClients: 3 }, storage: 'memory' });
  const { coordinatorUrl: url } = await chorus.listen({ coordinator: 0, aggregator: 0 });

  // Each client's "training" moves the model half-way to its own data; the data never leaves it.
  const privateData = [1, 2, 6];
  const clients = privateData.map((target) =>
    participate({
      url,
      train: async ({ tensors }) => {
        const weight = tensors?.w?.data[0] ?? 0;
        const data = Float32Array.of(weight + (target - weight) / 2);
        return { tensors: { w: { dtype: 'F32', shape: [1], data } }, numExamples: 1 };
      },
    }),
  );
  await Promise.all(clients);

  // Half-way to the mean of 3 after one round, three quarters after two.
  const { bytes } = await chorus.handle.openModel('latest');
  expect(new DataView(bytes.buffer).getFloat32(bytes.byteLength - 4, true)).toBe(2.25);
  expect(chorus.handle.status()).toMatchObject({ runState: 'finished', round: 2 });
  await chorus.close();
});

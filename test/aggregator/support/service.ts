import { expect } from 'vitest';
import { inlineFoldPool } from '../../../src/aggregator/inline-pool.ts';
import { Aggregation, type AggregationOptions } from '../../../src/aggregator/service.ts';
import type { AggregatorCallbacks, Recovered, RoundOrder } from '../../../src/domain/aggregation.ts';
import { systemClock } from '../../../src/domain/clock.ts';
import type { Receipt } from '../../../src/domain/handle.ts';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';

export const order: RoundOrder = {
  run: 'run',
  round: 1,
  attempt: 1,
  kind: 'training',
  deadlineAtMs: 0,
  uploadAttemptsMax: 3,
  downloadsMax: 4,
  payloadBytesMax: 100_000,
  numExamplesMax: 1_000,
  updateNormMax: null,
  updateKind: 'weights',
  aggregationWindowMs: 60_000,
  modelVersion: null,
};

/** A service whose coordinator answers when, and what, the test says. */
export function serviceWith(
  callbacks: Partial<AggregatorCallbacks> = {},
  options: Partial<AggregationOptions> = {},
): Aggregation {
  return new Aggregation({
    clock: systemClock,
    pool: inlineFoldPool,
    memory: 'plain',
    updates: null,
    stagingBytesMax: 1_000_000,
    callbacks: { endTraining: () => ({ kind: 'accepted' }), uploadRefused: () => undefined, ...callbacks },
    ...options,
  });
}

/** A coordinator that accepts everything, and remembers what and in which order. */
export function acceptingAll(): { callbacks: Partial<AggregatorCallbacks>; contributions: Contributions } {
  const contributions: Contributions = [];
  return {
    contributions,
    callbacks: {
      endTraining: ({ outcome }) => {
        if (outcome.kind === 'valid' && outcome.staged) {
          contributions.push({ receipt: outcome.receipt, staged: outcome.staged });
        }
        return { kind: 'accepted' };
      },
    },
  };
}

type Contributions = Recovered['contributions'][number][];

export const updateOf = (value: number, numExamples = 1): Uint8Array =>
  encodeSafetensors(
    { w: { dtype: 'F32', shape: [1], data: Float32Array.of(value) } },
    { num_examples: String(numExamples) },
  );

export const credentialOf = (clientId: string, { round = 1, attempt = 1 } = {}) => ({
  clientId,
  round,
  attempt,
  trainingToken: `${clientId}-${round}-${attempt}`,
});

export async function open(
  service: Aggregation,
  clients: readonly string[],
  about: Partial<RoundOrder> = {},
): Promise<void> {
  expect(await service.openRound({ ...order, ...about }, null)).toMatchObject({ kind: 'ok' });
  for (const clientId of clients) {
    expect(await service.admit(credentialOf(clientId, about))).toMatchObject({ kind: 'ok' });
  }
}

export async function upload(
  service: Aggregation,
  clientId: string,
  update: number | Uint8Array,
  about: { round?: number; attempt?: number; allowZeroExamples?: boolean } = {},
): Promise<Receipt> {
  const bytes = typeof update === 'number' ? updateOf(update) : update;
  const { round, trainingToken } = credentialOf(clientId, about);
  const { allowZeroExamples = false } = about;
  const taken = service.beginUpload({
    ...{ clientId, round, trainingToken, allowZeroExamples },
    contentLength: bytes.byteLength,
  });
  await taken.ready();
  taken.write(bytes);
  return taken.finish();
}

/** The bytes of the model that a round makes. */
export async function modelOf(
  service: Aggregation,
  contributions: readonly string[],
  { round = 1, attempt = 1 } = {},
): Promise<Uint8Array> {
  const closed = await service.closeRound({ round, attempt, contributions });
  if (closed.kind === 'refused') throw new Error(closed.detail);
  return new Uint8Array(closed.value.bytes);
}

export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

import type { Fact, UpdatePlace } from '../../../src/domain/facts.ts';
import type { Receipt } from '../../../src/domain/handle.ts';
import type { ModelInfo } from '../../../src/domain/model.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { readPlan } from '../../../src/domain/read-plan.ts';

/** A plan of these settings; the others have their defaults. */
export const planOf = (settings: Partial<Plan> = {}): Plan => readPlan(settings).plan;

export const runStarted = (initialModel: Plan['initialModel'] = 'none', settings: Partial<Plan> = {}): Fact => ({
  type: 'run.started',
  run: 'the-run',
  plan: planOf({ minClients: 1, initialModel, ...settings }),
});

export const model = (version: number): ModelInfo => ({
  version,
  run: 'the-run',
  round: version,
  sha256: String(version).repeat(64).slice(0, 64),
  bytes: 10,
  createdAtMs: 0,
  contributions: 1,
  numExamples: 1,
  metrics: {},
});

export const receipt = (clientId: string, numExamples: number): Receipt => ({
  round: 1,
  clientId,
  sha256: 'a'.repeat(64),
  numExamples,
});

export const factsOf = {
  opened: (round: number, attempt: number, base: number | null): Fact[] => [
    { type: 'round.opened', round, attempt, base },
  ],
  /** A client starts training, and its update is accepted. */
  update: (clientId: string, numExamples: number, staged: UpdatePlace | null): [Fact, Fact] => [
    { type: 'training.started', clientId },
    { type: 'update.accepted', receipt: receipt(clientId, numExamples), metrics: { loss: 1 }, staged },
  ],
};

/** A run whose first round is in training with these clients. @param deadlineAtMs of the training window. */
export function training(clientIds: readonly string[], deadlineAtMs = 60_000, settings: Partial<Plan> = {}): Fact[] {
  return [
    { type: 'server.started', version: '1', durability: 'update' },
    ...clientIds.map((clientId): Fact => ({ type: 'client.registered', clientId })),
    runStarted('none', settings),
    ...factsOf.opened(1, 1, null),
    { type: 'clients.selected', clientIds: [...clientIds] },
    {
      type: 'position',
      position: {
        state: 'round',
        sinceMs: 1_000,
        deadlineAtMs: null,
        run: null,
        round: { phase: 'training', target: clientIds.length, extensions: 0, sinceMs: 1_000, deadlineAtMs },
      },
    },
  ];
}

import { ClientRegistry } from '../../src/actors/registry.ts';
import type { ClientProfile } from '../../src/domain/client.ts';
import { type RandomStream, seededRandom } from '../../src/domain/random.ts';
import { type SelectionSettings, selectionSettings } from '../../src/domain/selection-settings.ts';
import type { ClientFilter } from '../../src/selection/filter.ts';
import { ClientHistory } from '../../src/selection/history.ts';
import type { Candidates, ExplainedPolicy, Selection } from '../../src/selection/policy.ts';

/** A real registry whose waiting clients are the candidates, with a history that is told what happens to them. */
export class Population {
  readonly registry: ClientRegistry;
  readonly history = new ClientHistory();
  readonly candidates: Candidates;
  round = 0;

  constructor(profiles: readonly ClientProfile[]) {
    const registry = new ClientRegistry({
      clientsMax: 100_000,
      heartbeatTimeoutMs: 1_000,
      random: seededRandom(7),
      nowMs: 0,
    });
    this.registry = registry;
    this.candidates = {
      get count() {
        return registry.eligibleWaiting;
      },
      find: (clientId) => registry.find(clientId),
      idOf: (slot) => registry.idOf(slot),
      profileOf: (slot) => registry.profileOf(slot),
      sampleSlots: (count, random) => registry.sampleEligible(count, random),
      slots: () => registry.eligibleSlots(),
    };
    for (const profile of profiles) this.join(profile);
  }

  join(profile: ClientProfile = {}): number {
    const slot = this.registry.register(0, profile);
    this.history.registered(slot);
    return slot;
  }

  /** Only those whom the filter lets through are candidates from now on. */
  restrictTo(filter: ClientFilter): void {
    this.registry.setFilter((profile) => filter.test(profile));
    this.registry.testMore(Number.POSITIVE_INFINITY);
  }

  /** One round: chooses, and notes who was. They wait again at once. */
  select(policy: ExplainedPolicy, count: number, random: RandomStream): Selection {
    this.round += 1;
    this.history.roundBegan();
    const selection = this.ask(policy, count, random);
    for (const slot of this.slotsOf(selection)) this.history.selected(slot);
    return selection;
  }

  /** Chooses without any consequence. */
  ask(policy: ExplainedPolicy, count: number, random: RandomStream, candidates = this.candidates): Selection {
    return policy({ count, candidates, history: this.history, round: Math.max(1, this.round), random });
  }

  slotsOf(selection: Selection): number[] {
    return selection.clientIds.map((clientId) => this.registry.find(clientId));
  }
}

/** `count` clients that told nothing of themselves. */
export const crowd = (count: number): Population => new Population(Array.from({ length: count }, () => ({})));

/** The default settings, with some changed. */
export function settingsWith(changed: Partial<SelectionSettings> = {}): SelectionSettings {
  const defaults = Object.fromEntries(Object.entries(selectionSettings).map(([name, spec]) => [name, spec.default]));
  return { ...defaults, ...changed } as unknown as SelectionSettings;
}

/** `attributes.region == region`, written in code. */
export const inRegion = (region: string): ClientFilter => ({
  text: `attributes.region == "${region}"`,
  reads: ['attributes.region'],
  test: ({ attributes }) => attributes?.region === region,
});

import type { ClientProfile } from '../domain/client.ts';
import type { RandomStream } from '../domain/random.ts';
import { type ClientFilter, valuesRead } from './filter.ts';
import type { Candidates, ExplainedPolicy } from './policy.ts';

/** Clients looked at for each one wanted, before all are looked at. */
const triesPerClient = 8;
/** Looked at in any case, so that a small count does not fail by bad luck. */
const triesMin = 64;

/** A policy that only sees clients for which the filter holds. @param policy chooses among them. */
export const filtered =
  (filter: ClientFilter, policy: ExplainedPolicy): ExplainedPolicy =>
  (request) => {
    const { candidates } = request;
    const selection = policy({ ...request, candidates: new FilteredCandidates(candidates, (of) => filter.test(of)) });
    return {
      ...selection,
      explain(clientId) {
        const reason = selection.explain(clientId);
        if (reason.chosen) return reason;
        const slot = candidates.find(clientId);
        const profile = slot === -1 ? null : candidates.profileOf(slot);
        if (profile === null || filter.test(profile)) return reason;
        return { kind: 'filteredOut', chosen: false, filter: filter.text, values: valuesRead(filter, profile) };
      },
    };
  };

/**
 * Candidates for which a test holds. A sample is drawn by rejection first, from at most 64 + 8 × count draws: a uniform
 * sample, of which those that fail are left out, is a uniform sample of those that pass. Only when too few pass, as
 * when the filter holds for less than one in eight, all candidates are looked at, once: O(n), 4 bytes for each that
 * passes.
 */
class FilteredCandidates implements Candidates {
  readonly #candidates: Candidates;
  readonly #test: (profile: ClientProfile) => boolean;
  #passing: Uint32Array | null = null;

  constructor(candidates: Candidates, test: (profile: ClientProfile) => boolean) {
    this.#candidates = candidates;
    this.#test = test;
  }

  get count(): number {
    return this.slots().length;
  }

  get countKnown(): number | null {
    return this.#passing?.length ?? null;
  }

  find(clientId: string): number {
    return this.#candidates.find(clientId);
  }

  idOf(slot: number): string {
    return this.#candidates.idOf(slot);
  }

  profileOf(slot: number): ClientProfile {
    return this.#candidates.profileOf(slot);
  }

  sampleSlots(count: number, random: RandomStream): number[] {
    if (this.#passing === null) {
      const drawn = this.#candidates.sampleSlots(triesMin + triesPerClient * count, random);
      const passing = drawn.filter((slot) => this.#passes(slot));
      if (passing.length >= count) return passing.slice(0, count);
    }
    return drawnFrom(this.slots(), count, random);
  }

  slots(): Uint32Array {
    this.#passing ??= this.#candidates.slots().filter((slot) => this.#passes(slot));
    return this.#passing;
  }

  #passes(slot: number): boolean {
    return this.#test(this.#candidates.profileOf(slot));
  }
}

/** The front of a Fisher–Yates shuffle, done on a copy. */
function drawnFrom(slots: Uint32Array, count: number, random: RandomStream): number[] {
  const order = slots.slice();
  const size = Math.min(count, order.length);
  for (let index = 0; index < size; index += 1) {
    const other = index + random.below(order.length - index);
    const slot = order[other] ?? 0;
    order[other] = order[index] ?? 0;
    order[index] = slot;
  }
  return Array.from(order.subarray(0, size));
}

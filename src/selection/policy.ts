import type { ClientProfile } from '../domain/client.ts';
import type { RandomStream } from '../domain/random.ts';
import type { Reason } from '../domain/selection-reason.ts';
import type { ClientHistory } from './history.ts';

/** What can be asked about clients at any time, also after the choice. A client is known by its slot, a small integer. */
export interface ClientLookup {
  /** @returns the slot of a registered client, or −1. */
  find(clientId: string): number;
  idOf(slot: number): string;
  /** What the client told of itself; empty when it told nothing. It never changes while the client is registered. */
  profileOf(slot: number): ClientProfile;
}

/**
 * A read-only view of the clients that may be selected; it copies nothing. It shows them as they are now: a policy that
 * answers later must read what it needs before it first waits.
 */
export interface Candidates extends ClientLookup {
  readonly count: number;
  /** Up to `count` distinct slots, uniformly at random, in O(count). */
  sampleSlots(count: number, random: RandomStream): number[];
  /** All slots, in no order. Not to be written to. Costs nothing. */
  slots(): Uint32Array;
}

export interface ExplainedRequest {
  /** Most clients to choose, ≥ 1. */
  readonly count: number;
  readonly candidates: Candidates;
  /** What is known of the candidates from earlier rounds. */
  readonly history: ClientHistory;
  /** From 1. */
  readonly round: number;
  /** The only source of chance: the same stream, candidates and history give the same choice. */
  readonly random: RandomStream;
}

/** A cohort, and why it is this one. */
export interface Selection {
  readonly policy: string;
  /** Distinct candidates, at most as many as asked for; fewer when there are not so many. */
  readonly clientIds: readonly string[];
  /**
   * Why this client was chosen, or was not. Computed when asked, from numbers kept with the selection: nothing for
   * uniform, 8 bytes a client for policies that rank.
   */
  explain(clientId: string): Reason;
}

/** How a cohort is chosen. Holds no state: what it learns from is the history it is given. */
export type ExplainedPolicy = (request: ExplainedRequest) => Selection;

interface Choice {
  policy: string;
  request: ExplainedRequest;
  slots: readonly number[];
  /** Told of clients that were candidates, as far as that is known. */
  reasonOf: (slot: number, chosen: boolean) => Reason;
}

/** Puts a choice of slots into the form of an answer. */
export function selectionOf({ policy, request, slots, reasonOf }: Choice): Selection {
  const { candidates, history } = request;
  const clientIds = slots.map((slot) => candidates.idOf(slot));
  const registrations = history.registrations;
  let chosen: ReadonlyMap<string, number> | null = null;
  return {
    policy,
    clientIds,
    explain(clientId) {
      chosen ??= new Map(clientIds.map((id, index) => [id, slots[index] ?? -1]));
      const slotThen = chosen.get(clientId);
      if (slotThen !== undefined) return reasonOf(slotThen, true);
      const slot = candidates.find(clientId);
      // Its slot may have had another owner when the choice was made.
      if (slot === -1 || history.registrationOf(slot) > registrations) return { kind: 'notThere', chosen: false };
      return reasonOf(slot, false);
    },
  };
}

import type { ClientProfile } from '../domain/client.ts';
import { type Clock, steadyMs } from '../domain/clock.ts';
import type { Tally } from '../domain/round.ts';
import type { ExclusionReason } from '../domain/round-record.ts';
import type { History } from '../history/history.ts';
import { lossOf } from '../history/possible.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { CohortChooser } from './cohort-chooser.ts';
import type { CoordinatorMachines } from './coordinator-machines.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import type { Standings } from './standings.ts';
import type { Totals } from './totals.ts';

/** At most so often is a change of membership told to subscribers, ms. */
const membershipNewsMs = 250;

/** Clients that a new filter is tried on in one go, so that others are answered in between. */
const filterSliceMax = 5_000;

const exclusionOf = {
  rendezvous: 'reregistered',
  leave: 'left',
  evict: 'evicted',
  heartbeatTimedOut: 'heartbeatTimeout',
} as const satisfies Record<string, ExclusionReason>;

export interface MembershipDeps {
  clock: Clock;
  registry: ClientRegistry;
  history: History;
  recorder: Recorder;
  feed: BoundedEventFeed;
  aggregator: AggregatorActor;
  chooser: CohortChooser;
  machines: CoordinatorMachines;
  standings: Standings;
  totals: Totals;
  tally: () => Tally;
}

/** Who is there: clients come, come again, go, are lost or taken out; and the machines and subscribers hear of it. */
export class Membership {
  readonly #deps: MembershipDeps;
  #sweepTimer: unknown;
  #newsTimer: unknown = null;
  #filterTimer: unknown = null;

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
  }

  /** From now on clients can be heard of: whoever is silent for too long is lost. */
  countSilence(): void {
    const { clock, registry, machines } = this.#deps;
    if (machines.isStopped) return;
    registry.pardon(steadyMs(clock));
    clock.clearTimeout(this.#sweepTimer);
    this.#sweepLater();
  }

  #sweepLater(): void {
    const { clock, registry, totals } = this.#deps;
    this.#sweepTimer = clock.setTimeout(() => {
      const lost: number[] = [];
      registry.expire(steadyMs(clock), (slot) => lost.push(slot));
      totals.expired += lost.length;
      if (this.#lose(lost, 'heartbeatTimeout')) this.changed();
      this.#sweepLater();
    }, registry.expiryTickMs);
  }

  stop(): void {
    const { clock } = this.#deps;
    clock.clearTimeout(this.#sweepTimer);
    clock.clearTimeout(this.#newsTimer);
    clock.clearTimeout(this.#filterTimer);
  }

  /** @returns the slot, or −1 when the registry is full. @throws STORAGE_UNAVAILABLE */
  register(profile: ClientProfile): number {
    const { clock, registry, recorder, chooser, totals } = this.#deps;
    const slot = registry.register(steadyMs(clock), profile);
    if (slot === -1) return -1;
    try {
      recorder.must({ type: 'client.registered', clientId: registry.idOf(slot), ...profile });
    } catch (error) {
      registry.apply(slot, 'leave');
      throw error;
    }
    chooser.registered(slot);
    totals.registrations += 1;
    this.changed();
    return slot;
  }

  /** A client that restarted: it keeps its id, and is out of the open round. @throws STORAGE_UNAVAILABLE */
  registerAgain(slot: number, { evaluates = false }: ClientProfile): void {
    const { clock, registry, recorder, totals } = this.#deps;
    if (registry.takes(slot, 'rendezvous')) {
      this.#takeOut(slot, 'rendezvous', (clientId) =>
        recorder.must({ type: 'client.returned', clientId, ...(evaluates ? { evaluates } : {}) }),
      );
    }
    registry.refile(slot, steadyMs(clock));
    totals.registrations += 1;
    this.changed();
  }

  leave(slot: number): void {
    this.#lose([slot], 'left');
    this.changed();
  }

  /** Out of the open round, by an operator. */
  evict(slot: number): void {
    this.#takeOut(slot, 'evict', (clientId) => this.#deps.recorder.note({ type: 'client.evicted', clientId }));
    this.changed();
  }

  /** May be selected for the open round again. */
  readmit(slot: number): void {
    const { registry, recorder, standings } = this.#deps;
    recorder.note({ type: 'client.readmitted', clientId: registry.idOf(slot) });
    standings.wake(slot);
    this.changed();
  }

  /** A filter holds from now on: tests those that are registered, slice by slice; then it is known who may be selected. */
  tryFilter(): void {
    const { clock, registry } = this.#deps;
    clock.clearTimeout(this.#filterTimer);
    if (registry.testMore(filterSliceMax)) this.changed();
    else this.#filterTimer = clock.setTimeout(() => this.tryFilter(), 0);
  }

  /** Tells both machines, so that the question "may this round close?" is asked again. */
  changed(): void {
    const tally = this.#deps.tally();
    this.#deps.machines.tell({ type: 'membership.changed', tally });
    this.countsChanged(tally);
  }

  /** Clients changed their states, and are as many as before: only the open round wants to know. */
  countsChanged(tally: Tally = this.#deps.tally()): void {
    const { clock, registry, history, machines, feed } = this.#deps;
    if (history.open) machines.tellRound({ type: 'membership.changed', tally });
    this.#newsTimer ??= clock.setTimeout(() => {
      this.#newsTimer = null;
      feed.publish('membership', { population: registry.population, counts: registry.counts() });
    }, membershipNewsMs);
  }

  /** Clients are gone. @returns whether any of them was still there to be lost. */
  #lose(slots: readonly number[], reason: keyof typeof lossOf): boolean {
    const { registry, recorder } = this.#deps;
    const event = lossOf[reason];
    let isAnyLost = false;
    recorder.together(() => {
      for (const slot of slots) {
        if (!registry.takes(slot, event)) continue;
        this.#takeOut(slot, event, (clientId) => recorder.note({ type: 'client.lost', clientId, reason }));
        isAnyLost = true;
      }
    });
    return isAnyLost;
  }

  /** A client drops out of whatever it was in. @param record that it does. @throws what `record` throws */
  #takeOut(slot: number, event: keyof typeof exclusionOf, record: (clientId: string) => void): void {
    const { registry, recorder, aggregator, feed, machines, standings } = this.#deps;
    const clientId = registry.idOf(slot);
    const before = registry.stateOf(slot);
    record(clientId);
    if (before === 'selected' || before === 'training') {
      feed.publish('client.excluded', { clientId, round: machines.view.round, reason: exclusionOf[event] });
    }
    if (before === 'training') recorder.onceWritten(() => void aggregator.revoke(clientId));
    standings.wake(slot);
  }
}

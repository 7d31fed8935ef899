import type { Chance } from './chance.ts';
import { chanceFor } from './chance.ts';
import type { FaultKind, Faults } from './faults.ts';
import { Scheduler } from './scheduler.ts';
import { Transcript } from './transcript.ts';
import type { Violation } from './violation.ts';

/** What every part of a simulation shares: time, chance, faults, and what is written down. */
export class World {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly transcript = new Transcript();
  /** When faults stop, simulated ms. */
  readonly faultsUntilMs: number;
  readonly #faults: Faults;
  readonly #chances = new Map<string, Chance>();
  #violation: Violation | null = null;
  #wasTouched = false;

  constructor({ seed, faults, faultsUntilMs }: { seed: number; faults: Faults; faultsUntilMs: number }) {
    this.seed = seed;
    this.#faults = faults;
    this.faultsUntilMs = faultsUntilMs;
    this.scheduler = new Scheduler(this.chance('order'));
  }

  /** Code of the system is about to run, or to be given an answer. */
  touch(): void {
    this.#wasTouched = true;
  }

  /** Whether code of the system has run since the last call: then promises may wait to be settled. */
  takeTouched(): boolean {
    const wasTouched = this.#wasTouched;
    this.#wasTouched = false;
    return wasTouched;
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  /** The first rule that was broken, or null. */
  get violation(): Violation | null {
    return this.#violation;
  }

  /** The draws for one purpose. */
  chance(purpose: string): Chance {
    const known = this.#chances.get(purpose);
    if (known) return known;
    const chance = chanceFor(this.seed, purpose);
    this.#chances.set(purpose, chance);
    return chance;
  }

  /** How bad a kind of fault is now; 0: it does not strike. */
  intensity(kind: FaultKind): number {
    return this.nowMs < this.faultsUntilMs ? (this.#faults[kind] ?? 0) : 0;
  }

  /** Whether a fault strikes this time. @param probability at full intensity. */
  strikes(kind: FaultKind, probability: number): boolean {
    const intensity = this.intensity(kind);
    return intensity > 0 && this.chance(kind).happens(intensity * probability);
  }

  note(who: string, what: string, about?: unknown): void {
    this.transcript.note(this.nowMs, who, what, about);
  }

  /** A rule was broken. Only the first counts: what comes after may be its consequence. */
  violate(violation: Violation): void {
    if (this.#violation) return;
    this.#violation = violation;
    this.note('oracle', `VIOLATION of "${violation.invariant}": ${violation.sentence}`);
  }
}

import type { CoreOptions } from '../../core.ts';
import { evaluatorsOf } from '../../domain/evaluation.ts';
import type { ChorusEvent, CoordinatorHandle } from '../../domain/handle.ts';
import type { Tensors } from '../../domain/model.ts';
import type { Plan } from '../../domain/plan.ts';
import { attemptMsMax } from '../../domain/round.ts';
import { noOwnStrategies, type OwnStrategyName } from '../../domain/strategy-choice.ts';
import { ownStrategiesHere } from '../../own-strategies.ts';
import { choosePolicy } from '../../selection/choose-policy.ts';
import { readRunPlan } from '../../strategies/of-plan.ts';
import type { AnyOwnStrategy } from '../../strategies/own-strategy.ts';
import { CohortWatch } from './cohort-watch.ts';
import { SimulatedDisk } from './disk.ts';
import { drawFaults, type FaultProfile, type Faults } from './faults.ts';
import { profileOf } from './groups.ts';
import { Network } from './network.ts';
import { Oracle } from './oracle.ts';
import { randomTrainer, type SimulatedTrainer, zeros } from './payload.ts';
import { referenceOf } from './reference.ts';
import { drive } from './scheduler.ts';
import { PolicyFailed, unreliable } from './selector-faults.ts';
import { Server } from './server.ts';
import { simulatedEvaluator } from './server-evaluator.ts';
import { holdMsMax, SimClient } from './sim-client.ts';
import { operatorMsMax, startSystemFaults } from './system-faults.ts';
import type { Violation } from './violation.ts';
import { World } from './world.ts';

export interface SimulationOptions {
  /** Decides everything that chance decides: the same seed, the same simulation. A 32-bit integer. @default 1 */
  seed?: number;
  /** How many clients there are, 1 to 10,000. @default 20 */
  clients?: number;
  /** Settings of the run. */
  plan?: Partial<Plan>;
  /** Kinds of fault and how bad they are, or a profile of which the seed switches some on. @default none */
  faults?: Faults | FaultProfile;
  /** When the faults stop, simulated ms: from then on everything must come right. @default 60,000 */
  faultsUntilMs?: number;
  /** What clients train. @default random weights */
  train?: SimulatedTrainer;
  /** How long training takes when nothing is wrong, ms. @default 10 to 500 */
  trainingMs?: { from: number; to: number };
  /** Whether clients let the server hold their heartbeats until there is news. @default false */
  holdsHeartbeats?: boolean;
  /** A strategy of one's own, which counts over the plan's. The same updates must make the same model. @default the plan's */
  strategy?: AnyOwnStrategy;
  /** How a cohort is chosen, whatever the plan's `selection` says. @default as the plan says */
  policy?: CoreOptions['policy'];
  /** `memory`: nothing outlives the process, so it never ends. @default disk */
  storage?: 'memory' | 'disk';
  /** See `CoreOptions`. */
  durability?: CoreOptions['durability'];
  /** See `CoreOptions`. */
  fsync?: CoreOptions['fsync'];
  /** See `CoreOptions`. @default false */
  keepUpdates?: boolean;
  /** See `CoreOptions`. @default 1,000,000 */
  clientsMax?: number;
  /** What the operator installs when the plan asks for it. @default zeros that go with what clients train */
  initialModel?: Tensors;
  /** Memory for updates received but not summed yet, bytes. @default 1 MiB */
  stagingBytesMax?: number;
}

export interface SimulationGoal {
  /** @default the plan's last round */
  untilRound?: number;
}

export interface SimulationReport {
  roundsCommitted: number;
  roundsAbandoned: number;
  /** Lives of the process. */
  lives: number;
  /** Simulated time, ms. */
  elapsedMs: number;
  /** Events that the system had to do with. */
  steps: number;
  /** The first rule that was broken, or null. */
  violation: Violation | null;
}

/** How long opening a round may take, the aggregator's restart included, ms. */
const openingMsMax = 30_000;
/** How long the selector may take to answer, ms. */
const selectorMsMax = 5_000;
/** Of the clients, those that say they can evaluate. */
const evaluatorShare = 0.8;
/** What plans of a simulation call its strategy. */
const ownName = 'own';
const ownStrategy: OwnStrategyName = `module:${ownName}`;
const clientKey = new Uint8Array(32).fill(7);
/** Events that concern clients and network alone, one after another, before promises are given a chance all the same. */
const eventsPerStepMax = 1_000;
/** More is no simulation that ends. */
const stepsMax = 20_000_000;

/** A rule was broken. */
export class SimulationFailed extends Error {
  override readonly name = 'SimulationFailed';
  readonly violation: Violation;

  constructor(violation: Violation, seed: number, lastLines: readonly string[]) {
    super([`Seed ${seed} breaks "${violation.invariant}": ${violation.sentence}`, ...lastLines].join('\n'));
    this.violation = violation;
  }
}

export interface Simulation {
  /** Runs on, until the goal is reached. @throws SimulationFailed when a rule is broken. */
  run(goal?: SimulationGoal): Promise<SimulationReport>;
  /** The same, but a broken rule is reported. */
  explore(goal?: SimulationGoal): Promise<SimulationReport>;
  /** The server as clients and operators see it; null while its process is down. */
  readonly handle: CoordinatorHandle | null;
  /** The newest model, or null before the first. */
  readonly model: Tensors | null;
  /** What happened, a line each. */
  readonly transcript: readonly string[];
  readonly faults: Faults;
}

/**
 * The real system on simulated time, with simulated clients, network and faults. Whatever happens in it follows from
 * the options alone.
 * @throws {RangeError} PLAN_INVALID, as a sentence.
 */
export function createSimulation(options: SimulationOptions = {}): Simulation {
  return new Simulated(options);
}

class Simulated implements Simulation {
  readonly faults: Faults;
  readonly #options: SimulationOptions;
  readonly #plan: Plan;
  readonly #world: World;
  readonly #disk: SimulatedDisk | null;
  readonly #server: Server;
  readonly #oracle: Oracle;
  readonly #cohorts: CohortWatch;
  readonly #clients: SimClient[];
  #isStarted = false;
  #steps = 0;

  constructor(options: SimulationOptions) {
    const { seed = 1, clients = 20, faults = {}, faultsUntilMs = 60_000, stagingBytesMax = 2 ** 20 } = options;
    this.#options = options;
    const { strategy } = options;
    const own = strategy ? { facts: ownStrategiesHere({ [ownName]: strategy }), strategy } : null;
    const chosen = own ? { ...options.plan, strategy: ownStrategy } : (options.plan ?? {});
    const { plan, problems } = readRunPlan(chosen, {}, own?.facts ?? noOwnStrategies);
    if (problems.length > 0) throw new RangeError(problems.map(({ message }) => message).join(' '));
    this.#plan = plan;
    const draws = new World({ seed, faults: {}, faultsUntilMs: 0 }).chance('faults');
    this.faults = typeof faults === 'string' ? drawFaults(faults, draws) : faults;
    this.#world = new World({ seed, faults: this.faults, faultsUntilMs });
    const { policy, storage = 'disk', durability = 'update', fsync = 'always' } = options;
    const { keepUpdates = false, clientsMax = 1_000_000, initialModel = zeros } = options;
    this.#oracle = new Oracle({
      world: this.#world,
      plan,
      reference: referenceOf(plan, own),
      initialModel,
      durability,
      fsync,
      stagingBytesMax,
      attemptMsMax: Math.max(attemptMsMax(plan, selectorMsMax), evaluationMsMax(plan)) + openingMsMax,
      holdMsMax,
      diskFailures: () => this.#disk?.failures ?? 0,
    });
    this.#cohorts = new CohortWatch(this.#world, plan);
    this.#disk = storage === 'disk' ? new SimulatedDisk(this.#world) : null;
    this.#server = new Server(
      this.#world,
      {
        ...{ plan, durability, fsync, keepUpdates, clientsMax, stagingBytesMax, clientKey },
        strategies: strategy ? { [ownName]: strategy } : {},
        evaluator: simulatedEvaluator(this.#world, (version, metrics) =>
          this.#oracle.evaluations.found(version, metrics),
        ),
        ...(this.faults.selector
          ? { policy: unreliable(this.#world, policy ?? choosePolicy(plan)) }
          : policy && { policy }),
      },
      this.#disk,
      {
        onEvent: (event) => {
          this.#world.note('server', event.type, event.data);
          this.#oracle.event(event);
          this.#watchCohorts(event);
        },
        onUp: (live) => this.#oracle.up(live),
        onClockSet: () => this.#oracle.clockSet(),
        onDown: (kind) => this.#oracle.down(kind, { diskWasInTrouble: this.#disk?.takeWasInTrouble() ?? false }),
        onThrow: (error) => {
          if (error instanceof PolicyFailed) return;
          this.#world.violate({ invariant: 'nothing throws', sentence: `the system threw ${describe(error)}` });
        },
      },
    );
    const network = new Network(this.#world, this.#server);
    const { train = randomTrainer, trainingMs = { from: 10, to: 500 }, holdsHeartbeats = false } = options;
    this.#clients = Array.from(
      { length: clients },
      (_, index) =>
        new SimClient(index, {
          world: this.#world,
          server: this.#server,
          network,
          oracle: this.#oracle,
          chance: this.#world.chance(`client ${index}`),
          train,
          trainingMs,
          holdsHeartbeats,
          evaluates: evaluatorsOf(plan).includes('clients') && this.#world.chance('evaluators').happens(evaluatorShare),
          watcher: this.#oracle.presence,
        }),
    );
  }

  get handle(): CoordinatorHandle | null {
    return this.#server.live?.handle ?? null;
  }

  get model(): Tensors | null {
    return this.#oracle.model;
  }

  get transcript(): readonly string[] {
    return this.#world.transcript.lines();
  }

  #watchCohorts(event: ChorusEvent): void {
    const { handle } = this;
    if (!handle) return;
    this.#cohorts.event(event, handle, (clientId) => {
      const index = this.#clients.findIndex((client) => client.clientId === clientId);
      return index === -1 ? null : profileOf(index);
    });
  }

  async run(goal: SimulationGoal = {}): Promise<SimulationReport> {
    const report = await this.explore(goal);
    const { violation } = report;
    if (violation) throw new SimulationFailed(violation, this.#world.seed, this.transcript.slice(-30));
    return report;
  }

  async explore({ untilRound = this.#plan.rounds }: SimulationGoal = {}): Promise<SimulationReport> {
    this.#start();
    const startedAt = this.#steps;
    const wanted = Math.min(untilRound, this.#plan.rounds);
    await drive(() => {
      this.#oracle.check();
      this.#steps += 1;
      if (this.#world.violation || this.#isReached(wanted)) return false;
      this.#checkEnd(startedAt);
      return this.#step();
    });
    return {
      roundsCommitted: this.#oracle.roundsCommitted,
      roundsAbandoned: this.#oracle.roundsAbandoned,
      lives: this.#server.lives,
      elapsedMs: this.#world.nowMs,
      steps: this.#steps,
      violation: this.#world.violation,
    };
  }

  /** After the last round its model may still be evaluated. */
  #isReached(rounds: number): boolean {
    if (this.#oracle.roundsCommitted < rounds || !this.#oracle.isSettled) return false;
    const isAll = rounds === this.#plan.rounds && evaluatorsOf(this.#plan).length > 0;
    return !isAll || this.handle?.status().runState === 'finished';
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#server.start();
    const { scheduler } = this.#world;
    const spreadMs = this.#plan.heartbeatIntervalMs;
    for (const client of this.#clients) {
      scheduler.after(this.#world.chance('arrival').between(0, spreadMs), () => client.come());
    }
    startSystemFaults({
      world: this.#world,
      server: this.#server,
      disk: this.#disk,
      clients: this.#clients,
      plan: this.#plan,
      initialModel: this.#options.initialModel ?? zeros,
    });
  }

  /** Lets things happen until the system has something to settle. */
  #step(): boolean {
    for (let events = 0; events < eventsPerStepMax; events += 1) {
      const act = this.#world.scheduler.next();
      if (!act) {
        this.#world.violate({ invariant: 'the run finishes', sentence: 'nothing will ever happen again' });
        return false;
      }
      act();
      if (this.#world.takeTouched()) return true;
    }
    return true;
  }

  /** After the faults everything comes right, within a bound. */
  #checkEnd(startedAt: number): void {
    const { world } = { world: this.#world };
    const { rounds, heartbeatTimeoutMs } = this.#plan;
    const attemptsMs = attemptMsMax(this.#plan, selectorMsMax) + evaluationMsMax(this.#plan);
    const roundMsMax = attemptsMs + openingMsMax + operatorMsMax + 2 * heartbeatTimeoutMs;
    const dueAtMs = world.faultsUntilMs + roundMsMax * (rounds + 3);
    if (world.nowMs > dueAtMs || this.#steps - startedAt > stepsMax) {
      const waiting = this.#server.live?.handle.status().waitingFor.summary ?? 'the process is down';
      world.violate({
        invariant: 'the run finishes',
        sentence: `${Math.round(world.nowMs - world.faultsUntilMs)} ms after the last fault ${this.#oracle.roundsCommitted} of ${rounds} rounds are committed: ${waiting}`,
      });
    }
  }
}

/** How long the evaluation of a model may take; 0: there is none. */
const evaluationMsMax = (plan: Plan): number =>
  evaluatorsOf(plan).length === 0 ? 0 : attemptMsMax(plan, selectorMsMax, 'evaluation') + openingMsMax;

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

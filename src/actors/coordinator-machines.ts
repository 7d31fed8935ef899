import { type Actor, assign, createActor, fromPromise, type InspectionEvent, type Observer } from 'xstate';
import type { Clock } from '../domain/clock.ts';
import type { Metrics } from '../domain/metrics.ts';
import { isBuffered, type Plan } from '../domain/plan.ts';
import type { Round, RoundOutcome, Tally } from '../domain/round.ts';
import { type Run, roundOf } from '../domain/run.ts';
import type { Phase, RunState } from '../domain/status.ts';
import { coordinatorMachine } from '../machines/coordinator.machine.ts';
import type { CoordinatorEvent, CoordinatorInput, Judgement } from '../machines/coordinator.setup.ts';
import { deadline } from '../machines/deadline.ts';
import { roundMachine } from '../machines/round.machine.ts';
import type { RoundEvent } from '../machines/round.setup.ts';
import { type Machines, phaseOf, phaseSinceOf, runStateOf } from './machine-state.ts';

/** What the machines decide, and others do. What it rejects with, the machine takes as the failure of that step. */
export interface MachineEffects {
  open(run: Run, resumed: Round | null, signal: AbortSignal): Promise<{ tally: Tally }>;
  askSelector(count: number): void;
  dismissStragglers(round: Round): void;
  close(round: Round, signal: AbortSignal): Promise<{ atMs: number; metrics: Metrics }>;
  commit(round: Round, signal: AbortSignal): Promise<{ modelVersion: number; metrics: Metrics }>;
  /** Whatever way a round was left. */
  settle(outcome: RoundOutcome): void;
  judge(run: Run, signal: AbortSignal): Promise<Judgement>;
  recordJudgement(judgement: Judgement): void;
  applyPlan(plan: Plan): void;
}

export interface MachineDeps {
  clock: Clock;
  /** Where they begin. */
  input: CoordinatorInput;
  effects: MachineEffects;
  /** Told after every transition of either machine. */
  onChange: () => void;
  /** Told when a machine breaks an invariant; the run goes on with another attempt. */
  onCrash: (error: unknown) => void;
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
}

/** What the machines last said, as far as heartbeats need it: read with each of them, written with each transition. */
export interface CoordinatorView {
  run: string | null;
  plan: Plan | null;
  /** The open, or else the last, round; 0 before the first. */
  round: number;
  /** The run has no further round. */
  isOver: boolean;
  isBuffered: boolean;
}

/** The coordinator's machine and, while a round is open, the round's: they are told what happened, and asked where they stand. */
export class CoordinatorMachines {
  readonly #machine: Actor<typeof coordinatorMachine>;
  readonly #deps: MachineDeps;
  #watchedRound: unknown = null;
  /** How the run stood when the server began to shut down, which ends no run. */
  #leftIn: RunState | null = null;
  #view: CoordinatorView = { run: null, plan: null, round: 0, isOver: false, isBuffered: false };

  constructor(deps: MachineDeps) {
    const { clock, input, effects, onCrash, inspect } = deps;
    this.#deps = deps;
    this.#machine = createActor(withEffects(clock, effects), {
      id: 'coordinator',
      input,
      clock,
      ...(inspect ? { inspect } : {}),
    });
    this.#machine.subscribe({ next: () => this.#changed(), error: onCrash });
  }

  start(): void {
    this.#machine.start();
  }

  /** Nothing is decided any more. An open round is left for the next process to go on with. */
  stop(): void {
    this.#leftIn = this.runState;
    this.#machine.send({ type: 'server.drain' });
    this.#machine.stop();
  }

  tell(event: CoordinatorEvent): void {
    this.#machine.send(event);
  }

  /** Tells the round's machine; when none is open, nobody needs to know. */
  tellRound(fact: RoundEvent): void {
    this.#machine.getSnapshot().children.round?.send(fact);
  }

  /** Settles when a round that is gone on with is open again, or given up: both within its deadline. */
  async resumed(): Promise<void> {
    if (this.#machine.getSnapshot().context.resumed === null) return;
    await new Promise<void>((resolve) => {
      const watch = this.#machine.subscribe({
        next: ({ value }) => {
          if (typeof value === 'object' && value.running === 'opening') return;
          watch.unsubscribe();
          resolve();
        },
        complete: resolve,
        error: () => resolve(),
      });
    });
  }

  get snapshots(): Machines {
    const coordinator = this.#machine.getSnapshot();
    return { coordinator, round: coordinator.children.round?.getSnapshot() ?? null };
  }

  get view(): CoordinatorView {
    return this.#view;
  }

  get run(): Run | null {
    return this.#machine.getSnapshot().context.run;
  }

  get runState(): RunState {
    return this.#leftIn ?? runStateOf(this.snapshots);
  }

  /** The run has no further round: clients hear `finished`. */
  get isOver(): boolean {
    return this.#machine.getSnapshot().hasTag('over');
  }

  get isStopped(): boolean {
    return this.#machine.getSnapshot().matches('draining');
  }

  /** The open round as its machine sees it, or null. */
  get round(): Round | null {
    return this.snapshots.round?.context ?? null;
  }

  get phase(): Phase {
    return phaseOf(this.snapshots);
  }

  get phaseSince(): { sinceMs: number; deadlineAtMs: number | null } {
    return phaseSinceOf(this.snapshots);
  }

  #changed(): void {
    const { run } = this;
    this.#view = {
      run: run?.run ?? null,
      plan: run?.plan ?? null,
      round: run ? roundOf(run) : 0,
      isOver: this.isOver,
      isBuffered: run !== null && isBuffered(run.plan),
    };
    const child = this.#machine.getSnapshot().children.round;
    if (child && child !== this.#watchedRound) {
      this.#watchedRound = child;
      child.subscribe({ next: () => this.#changed(), error: this.#deps.onCrash });
    }
    this.#deps.onChange();
  }
}

function withEffects(clock: Clock, effects: MachineEffects) {
  const deadlines = { deadline: deadline(clock) };
  const round = roundMachine.provide({
    actors: {
      ...deadlines,
      aggregate: fromPromise(({ input, signal }) => effects.close(input, signal)),
      commit: fromPromise(({ input, signal }) => effects.commit(input, signal)),
    },
    actions: {
      askSelector: (_, { count }) => effects.askSelector(count),
      dismissStragglers: ({ context }) => effects.dismissStragglers(context),
    },
  });
  return coordinatorMachine.provide({
    actors: {
      ...deadlines,
      round,
      judge: fromPromise(({ input, signal }) => effects.judge(input, signal)),
      openRound: fromPromise(({ input: { run, resumed }, signal }) => effects.open(run, resumed, signal)),
    },
    actions: {
      recordJudgement: (_, judgement) => effects.recordJudgement(judgement),
      noteNow: assign(({ context }) => ({ tally: { ...context.tally, atMs: clock.now() } })),
      settleRound: (_, outcome) => {
        if (outcome) effects.settle(outcome);
      },
      applyPlan: (_, { plan }) => effects.applyPlan(plan),
    },
  });
}

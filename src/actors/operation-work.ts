import type { OperationAnswer } from '../domain/handle.ts';
import type { AuditEntry, Operation, Origin } from '../domain/operations.ts';
import type { Plan } from '../domain/plan.ts';
import type { CohortChooser } from './cohort-chooser.ts';
import type { Membership } from './membership.ts';
import { Operator, type OperatorDeps } from './operator.ts';
import type { Planned } from './planned.ts';

export interface OperationWorkDeps extends OperatorDeps {
  chooser: CohortChooser;
  membership: Membership;
  /** Mints run ids: UUIDs. */
  uuid: () => string;
}

/** Carries out what operators ask for; it is written down, so that no crash leaves the one without the other. */
export class OperationWork {
  readonly #deps: OperationWorkDeps;
  readonly #operator: Operator;

  constructor(deps: OperationWorkDeps) {
    this.#deps = deps;
    this.#operator = new Operator(deps);
  }

  /** @throws STORAGE_UNAVAILABLE */
  startRun(plan: Plan, origin: Origin): void {
    const { uuid, clock, recorder, chooser, machines, membership } = this.#deps;
    const run = uuid();
    const sentence = `A run of ${plan.rounds} rounds was started`;
    const entry = this.#operator.entryOf('start', { run, rounds: plan.rounds }, sentence, origin);
    recorder.must({ type: 'run.started', run, plan }, { type: 'operation', entry });
    this.#operator.tell(entry);
    chooser.begin(plan);
    machines.tell({ type: 'run.start', run, plan, atMs: clock.now() });
    membership.tryFilter();
  }

  /** Tried out, or written down and done. @throws STORAGE_UNAVAILABLE, any of `Operator.plan` */
  operate(operation: Operation, { dryRun, origin }: { dryRun: boolean; origin: Origin }): OperationAnswer {
    const planned = this.#operator.plan(operation);
    const { before, after, sentences } = planned;
    if (!dryRun) {
      this.#deps.recorder.assertWritable();
      this.#deps.recorder.together(() => this.#carryOut(planned, this.#operator.writeDown(planned, origin)));
    }
    return { dryRun, sentences, before, after };
  }

  #carryOut({ operation, slot, round }: Planned, { atMs, by, seq }: AuditEntry): void {
    const { recorder, machines, membership, tally } = this.#deps;
    switch (operation.operation) {
      case 'pause':
      case 'resume':
      case 'stop':
        machines.tell({ type: `run.${operation.operation}` });
        break;
      case 'extendDeadline':
        machines.tellRound({ type: 'deadline.extended', byMs: operation.byMs, tally: tally() });
        break;
      case 'lowerQuorum': {
        const { quorum } = operation;
        const decision = { from: round?.quorum ?? quorum, to: quorum, atMs, by, auditSeq: seq };
        recorder.note({ type: 'quorum.lowered', decision });
        machines.tellRound({ type: 'quorum.lowered', quorum, tally: tally() });
        break;
      }
      case 'evict':
        membership.evict(slot);
        break;
      case 'readmit':
        membership.readmit(slot);
        break;
    }
  }
}

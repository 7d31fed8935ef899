import type { Clock } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import { type AuditEntry, extendedMsMax, extensionMsMax, type Operation, type Origin } from '../domain/operations.ts';
import { strategyChoice } from '../domain/plan.ts';
import type { Tally } from '../domain/round.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import type { History } from '../history/history.ts';
import { strategyOf } from '../strategies/of-plan.ts';
import type { CoordinatorMachines } from './coordinator-machines.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import { type Foreseen, foreseeRound, foreseeRun } from './foresee.ts';
import { type Machines, phaseOf, runStateOf } from './machine-state.ts';
import { auditSentenceOf, sentencesOf } from './operation-sentences.ts';
import { outlookOf } from './outlook.ts';
import type { Planned } from './planned.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';

export interface OperatorDeps {
  clock: Clock;
  registry: ClientRegistry;
  history: History;
  recorder: Recorder;
  feed: BoundedEventFeed;
  strategies: OwnStrategies;
  machines: CoordinatorMachines;
  tally: () => Tally;
}

/** What operators ask for: looked at before it is done, and written down when it is. It does none of it itself. */
export class Operator {
  readonly #deps: OperatorDeps;

  constructor(deps: OperatorDeps) {
    this.#deps = deps;
  }

  /** What would happen now; nothing does. @throws RUN_STATE, OPERATION_INAPPLICABLE, CLIENT_UNKNOWN, CLIENT_NOT_SELECTED */
  plan(operation: Operation): Planned {
    const { registry } = this.#deps;
    const machines = this.#deps.machines.snapshots;
    const tally = this.#deps.tally();
    const slot = 'clientId' in operation ? this.#slotOf(operation.clientId) : -1;
    const round = machines.round?.context ?? null;
    const foreseen = this.#foresee(operation, slot, machines, tally);
    const before = outlookOf({ machines, tally }, registry, { aggregator: null });
    const after = outlookOf(foreseen, registry, { aggregator: null, without: slot });
    const about = { operation, slot, round, before, after };
    const sentences = sentencesOf(about, foreseen.asksSelector);
    const { operation: _, ...given } = operation;
    const where: Record<string, number> = round ? { round: round.round, attempt: round.attempt } : {};
    return { ...about, sentences, params: { ...given, ...where } };
  }

  /** Writes down what is about to be done. @returns the entry */
  writeDown(plan: Planned, origin: Origin): AuditEntry {
    const entry = this.entryOf(plan.operation.operation, plan.params, auditSentenceOf(plan), origin);
    this.#deps.recorder.note({ type: 'operation', entry });
    this.tell(entry);
    return entry;
  }

  /** The next entry of the audit log. */
  entryOf(
    operation: AuditEntry['operation'],
    params: AuditEntry['params'],
    sentence: string,
    { by, from }: Origin,
  ): AuditEntry {
    const { history, clock } = this.#deps;
    return history.audit.next({ atMs: clock.now(), operation, params, by, from, sentence });
  }

  tell({ operation, sentence, by }: AuditEntry): void {
    this.#deps.feed.publish('operation', { operation, sentence, by });
  }

  #foresee(operation: Operation, slot: number, machines: Machines, tally: Tally): Foreseen {
    const refuse = (detail: string): never => {
      throw new ChorusError('OPERATION_INAPPLICABLE', detail);
    };
    const { round } = machines;
    switch (operation.operation) {
      case 'pause':
      case 'resume':
      case 'stop': {
        const type = `run.${operation.operation}` as const;
        const runState = runStateOf(machines);
        if (!machines.coordinator.can({ type })) {
          throw new ChorusError('RUN_STATE', `The run is ${runState}: ${operation.operation} does not apply`);
        }
        return foreseeRun(machines, tally, type);
      }
      case 'extendDeadline': {
        const { byMs } = operation;
        const event = { type: 'deadline.extended', byMs, tally } as const;
        if (!round?.can(event)) return refuse(`No round is waiting for clients or updates: ${phaseOf(machines)}`);
        if (byMs > extensionMsMax || round.context.extendedByMs + byMs > extendedMsMax) {
          return refuse(
            `A deadline is moved by at most ${extensionMsMax} ms at once and ${extendedMsMax} ms in all; ${round.context.extendedByMs} ms were added already`,
          );
        }
        return foreseeRound(machines, tally, event);
      }
      case 'lowerQuorum': {
        const { quorum } = operation;
        const event = { type: 'quorum.lowered', quorum, tally } as const;
        if (!round?.can(event)) return refuse(`No round is in training: ${phaseOf(machines)}`);
        if (quorum >= round.context.quorum) {
          return refuse(`The quorum is ${round.context.quorum}, and ${quorum} is not lower`);
        }
        const unmet = this.#unmetByStrategy(quorum);
        if (unmet !== null) return refuse(`The strategy could make no model of so few: ${unmet}`);
        return foreseeRound(machines, tally, event);
      }
      case 'evict':
        return this.#foreseeClient(slot, 'evict', machines, tally);
      case 'readmit': {
        const clientId = this.#deps.registry.idOf(slot);
        if (this.#deps.history.open?.hasContributionOf(clientId)) {
          return refuse(`Client ${clientId} has contributed to the round already`);
        }
        return this.#foreseeClient(slot, 'readmit', machines, tally);
      }
    }
  }

  /** @returns what the strategy of the run needs beyond so many contributions, or null */
  #unmetByStrategy(contributions: number): string | null {
    const { history, strategies } = this.#deps;
    if (!history.run) return null;
    const { precondition } = strategyOf(strategyChoice(history.run.plan, strategies));
    return precondition(contributions)?.replace(/\.$/, '') ?? null;
  }

  #foreseeClient(slot: number, event: 'evict' | 'readmit', machines: Machines, tally: Tally): Foreseen {
    const { registry, history } = this.#deps;
    const before = registry.stateOf(slot);
    const next = registry.takes(slot, event) ? (event === 'evict' ? 'ignored' : 'waiting') : null;
    if (next === null || before === 'unknown' || !history.open) {
      const clientId = registry.idOf(slot);
      if (event === 'evict') throw new ChorusError('CLIENT_NOT_SELECTED', `Client ${clientId} is in no open round`);
      throw new ChorusError('OPERATION_INAPPLICABLE', `Client ${clientId} is ${before}, not out of an open round`);
    }
    const after = { ...tally, [before]: tally[before] - 1, [next]: tally[next] + 1 };
    return foreseeRound(machines, after, { type: 'membership.changed', tally: after });
  }

  #slotOf(clientId: string): number {
    const slot = this.#deps.registry.find(clientId);
    if (slot === -1) throw new ChorusError('CLIENT_UNKNOWN', `No client has the id ${clientId.slice(0, 64)}`);
    return slot;
  }
}

import type { AggregatorCallbacks, RoundOrder, Verdict } from '../domain/aggregation.ts';
import { ChorusError, type ErrorCode, fromRefusal } from '../domain/errors.ts';
import type { Receipt } from '../domain/handle.ts';
import type { ModelSchema } from '../domain/model.ts';
import type { Arenas } from './arenas.ts';
import type { FoldPool, Inspected, Inspecting } from './fold-task.ts';
import { RunningSum } from './running-sum.ts';
import type { Span } from './shared-memory.ts';
import type { Ticket } from './tickets.ts';
import type { Settled, Staged } from './upload.ts';

export interface RoundDeps {
  pool: FoldPool;
  arenas: Arenas;
  callbacks: AggregatorCallbacks;
}

/**
 * One attempt at a round, as the service sees it: which updates were accepted, and their sum. Validates before it
 * accepts, accepts before it counts: an update is folded after the coordinator said that it counts, and not otherwise.
 */
export class OpenRound {
  readonly order: RoundOrder;
  readonly #deps: RoundDeps;
  #schema: ModelSchema | null;
  #sum: RunningSum | null = null;
  #isOver = false;
  /** Acceptances come one after another, so that the first one defines the schema where there is none. */
  #acceptances: Promise<unknown> = Promise.resolve();

  constructor(order: RoundOrder, schema: ModelSchema | null, deps: RoundDeps) {
    this.order = order;
    this.#schema = schema;
    this.#deps = deps;
  }

  get sum(): RunningSum | null {
    return this.#sum;
  }

  /** Begins to check bytes as they come. */
  inspect(span: Span, expectedBytes: number | null, allowZeroExamples: boolean): Inspecting {
    const { numExamplesMax, updateNormMax: normMax } = this.order;
    const schema = this.#schema;
    const task = { span, expectedBytes, schema, numExamplesMax, normMax, allowZeroExamples, isModel: false };
    return { against: schema, inspector: this.#deps.pool.inspect(task) };
  }

  /** Checks a whole upload, asks the coordinator, and queues it for the sum. @throws any refusal of the contract */
  async settle(ticket: Ticket, staged: Staged, allowZeroExamples: boolean): Promise<Settled> {
    const early = await this.#finish(ticket, staged, staged.inspecting);
    const turn = this.#acceptances.then(async () => {
      if (staged.inspecting.against === this.#schema) return this.#accept(ticket, staged, early);
      // Another update has defined the schema meanwhile.
      const again = this.inspect(staged.span, staged.byteLength, allowZeroExamples);
      return this.#accept(ticket, staged, await this.#finish(ticket, staged, again));
    });
    this.#acceptances = turn.catch(() => undefined);
    return turn;
  }

  /** Gives the sum's memory back; nothing is added to it any more. */
  dispose(): void {
    this.#isOver = true;
    this.#sum?.dispose();
  }

  /** Counts a refusal; the last one allowed takes the client out of the round. */
  async refuse(ticket: Ticket, code: ErrorCode): Promise<void> {
    if (ticket.state !== 'open') return;
    const { clientId, round, attempt } = ticket;
    ticket.refusals += 1;
    this.#deps.callbacks.uploadRefused({ clientId, round, code });
    if (ticket.refusals < this.order.uploadAttemptsMax) return;
    ticket.state = 'closed';
    await this.#deps.callbacks.endTraining({ clientId, round, attempt, outcome: { kind: 'failed', code } });
  }

  async #finish(ticket: Ticket, { byteLength }: Staged, { inspector }: Inspecting): Promise<Inspected> {
    const update = await inspector.finish(byteLength);
    if (update.kind === 'valid') return update;
    await this.refuse(ticket, update.code);
    throw fromRefusal(update);
  }

  async #accept(ticket: Ticket, { span }: Staged, update: Inspected): Promise<Settled> {
    const { clientId, round, attempt } = ticket;
    const { sha256, numExamples, metrics } = update;
    if (ticket.receipt) return { receipt: sameReceipt(ticket.receipt, sha256), folded: null };
    if (ticket.state !== 'open') throw discarded(round);
    const receipt: Receipt = { round, clientId, sha256, numExamples };
    ticket.state = 'settling';
    const settled = this.#ask({ clientId, round, attempt, outcome: { kind: 'valid', receipt, metrics } }).then(
      (verdict) => {
        // The round may have been given up while the coordinator answered.
        if (verdict.kind === 'discarded' || this.#isOver) {
          ticket.state = 'closed';
          throw verdict.kind === 'discarded' ? new ChorusError('UPDATE_DISCARDED', verdict.detail) : discarded(round);
        }
        ticket.state = 'accepted';
        ticket.receipt = receipt;
        this.#schema ??= update.schema;
        this.#sum ??= new RunningSum(this.#schema, this.#deps.pool, this.#deps.arenas, span);
        return { receipt, folded: this.#sum.add(clientId, span, update.pieces, numExamples) };
      },
    );
    ticket.settled = settled.then(
      () => undefined,
      () => undefined,
    );
    return settled;
  }

  async #ask(report: Parameters<AggregatorCallbacks['endTraining']>[0]): Promise<Verdict> {
    // Not before `settled` is set: the answer to the last update may close the round at once.
    await Promise.resolve();
    return this.#deps.callbacks.endTraining(report);
  }
}

/** The same bytes again get the same receipt; other bytes conflict. */
function sameReceipt(receipt: Receipt, sha256: string): Receipt {
  if (receipt.sha256 !== sha256) throw new ChorusError('UPDATE_CONFLICT');
  return receipt;
}

export const discarded = (round: number): ChorusError =>
  new ChorusError('UPDATE_DISCARDED', `Round ${round} takes no update of this client any more`);

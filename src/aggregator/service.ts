import type {
  Aggregate,
  AggregatorCallbacks,
  AggregatorService,
  Credential,
  PublishedModel,
  Recovered,
  RoundOrder,
  ServiceAnswer,
  Upload,
  UploadGate,
  UploadRequest,
} from '../domain/aggregation.ts';
import type { Clock } from '../domain/clock.ts';
import { ChorusError, toRefusal } from '../domain/errors.ts';
import type { UpdateStore } from '../storage/update-store.ts';
import { memoryLacking } from '../strategies/memory-need.ts';
import { Arenas, arenaBytesMax } from './arenas.ts';
import type { FoldPool } from './fold-task.ts';
import { discarded, OpenRound } from './open-round.ts';
import type { OwnRunner } from './own-work.ts';
import { readBack } from './recovery.ts';
import { checkedModel, ServedModel } from './served-model.ts';
import { StagedUpdates } from './staged-updates.ts';
import { StagingBudget, StagingSlot } from './staging.ts';
import { type Ticket, Tickets } from './tickets.ts';
import { type PoolWork, timedPool } from './timed-pool.ts';
import { ReplayedUpload, StagedUpload } from './upload.ts';

/** When to come back to a server that is going away, ms. */
const drainRetryAfterMs = 5_000;
type CloseRequest = Parameters<AggregatorService['closeRound']>[0];

/** Uploads of one client at once: one, and another that takes over when the first hangs. */
const uploadsPerClientMax = 2;

export interface AggregationOptions {
  clock: Clock;
  pool: FoldPool;
  callbacks: AggregatorCallbacks;
  /** Asks strategies of one's own. @default none can be had */
  ownStrategies?: OwnRunner | null;
  /** Bound on memory for updates received but not folded yet, bytes. */
  stagingBytesMax: number;
  /** Whether kernels are compiled: see {@link Arenas}. */
  memory: 'wasm' | 'plain';
  /** Where accepted updates outlive a crash; null: nowhere. */
  updates: UpdateStore | null;
  /** Opens and closes the HTTP listener; without one the service is reached in-process only. */
  listener?: { listen(at: { host: string; port: number }): Promise<{ url: string }>; close(): Promise<void> };
}

/**
 * The aggregator service: hands out the model, takes in updates, sums those that the coordinator accepts. It validates
 * before it accepts and accepts before it counts.
 */
export class Aggregation implements AggregatorService, UploadGate {
  readonly #options: AggregationOptions;
  readonly #pool: FoldPool;
  readonly #poolWork: Readonly<PoolWork>;
  readonly #budget: StagingBudget;
  readonly #arenas: Arenas;
  readonly #tickets = new Tickets();
  readonly #updates: StagedUpdates | null;
  #round: OpenRound | null = null;
  /** Being opened: nobody is admitted yet. */
  #opening: OpenRound | null = null;
  readonly #model = new ServedModel();
  #drained: (() => void) | null = null;
  #isDraining = false;
  #inFlight = 0;
  #bytesReceived = 0;
  #bytesServed = 0;

  constructor(options: AggregationOptions) {
    this.#options = options;
    const { stagingBytesMax, memory, clock, updates } = options;
    const { pool, work } = timedPool(options.pool, clock);
    this.#pool = pool;
    this.#poolWork = work;
    this.#updates = updates && new StagedUpdates(updates);
    this.#budget = new StagingBudget(stagingBytesMax, clock);
    // Room for the sum beside the updates: in float64 it has twice the bytes of a float32 update. What needs more than
    // that gets an arena of its own.
    this.#arenas = new Arenas({ kind: memory, arenaBytes: Math.min(arenaBytesMax, 2 * stagingBytesMax) });
  }

  /** It takes no new uploads. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  // ── asked by the coordinator ────────────────────────────────────────────────────────────────────────────────────

  listen(at: { host: string; port: number }): Promise<ServiceAnswer<{ url: string }>> {
    return answer(async () => {
      if (!this.#options.listener) throw new ChorusError('INTERNAL', 'This aggregator has no HTTP listener');
      return this.#options.listener.listen(at);
    });
  }

  openRound(order: RoundOrder, recovered: Recovered | null): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      this.#endRound(`Round ${order.round} begins anew`);
      const { clock, callbacks, ownStrategies = null, stagingBytesMax } = this.#options;
      const common = { clock, callbacks, ownStrategies, stagingBytesMax };
      const model = this.#model.givenTo(order.run);
      const deps = { ...common, pool: this.#pool, arenas: this.#arenas, updates: this.#updates };
      const round = new OpenRound(order, model, deps);
      // Updates of a run without a model are not known before one comes; then the coordinator looks.
      const held = model && !this.#updates ? { updateBytes: model.span.bytes, stagingBytesMax } : null;
      const lacking = held && memoryLacking(order, held);
      if (lacking !== null) throw new ChorusError('INTERNAL', lacking);
      this.#opening = round;
      try {
        await this.#updates?.open({ run: order.run, round: order.round, attempt: order.attempt });
        await this.#readBack(round, recovered?.contributions ?? []);
        round.signal.throwIfAborted();
      } catch (error) {
        // A round that was given up meanwhile has lost nothing.
        const isOver = round.signal.aborted;
        if (this.#opening === round) this.#endRound(`Round ${order.round} is not open`);
        throw isOver ? round.signal.reason : error;
      }
      this.#opening = null;
      this.#round = round;
      if (recovered) this.#readmit(order, recovered);
      return null;
    });
  }

  admit(credential: Credential): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      const order = this.#round?.order;
      if (order?.round !== credential.round || order.attempt !== credential.attempt) throw discarded(credential.round);
      this.#tickets.admit(credential, order.payloadBytesMax);
      this.#pool.warm();
      return null;
    });
  }

  recall(credentials: readonly Credential[], payloadBytesMax: number): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      for (const credential of credentials) this.#tickets.recall(credential, payloadBytesMax);
      return null;
    });
  }

  revoke(clientId: string): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      this.#tickets.close(clientId, new ChorusError('UPDATE_DISCARDED', 'The client is out of the round'));
      return null;
    });
  }

  closeRound({ round, attempt, contributions }: CloseRequest): Promise<ServiceAnswer<Aggregate>> {
    return answer(async () => {
      const open = this.#round;
      const tickets = contributions.map((clientId) => this.#tickets.of(clientId));
      // Who goes on is not lost.
      const transfers = open?.order.keepsClients ? [] : this.#tickets.transfers();
      if (open?.order.keepsClients) this.#tickets.interrupt(betweenRounds());
      else this.#tickets.closeAll(new ChorusError('UPDATE_DISCARDED', `Round ${round} takes no more updates`));
      // An acceptance may still be on its way back from the coordinator that now closes the round.
      for (const ticket of tickets) await ticket?.settled;
      const sum = open?.sum;
      if (!sum || open.order.round !== round || open.order.attempt !== attempt) {
        throw new ChorusError('AGGREGATOR_UNAVAILABLE', `Attempt ${attempt} at round ${round} is not open here`);
      }
      const { run } = open.order;
      const made = await open.mean(contributions, { format: 'chorus', run, round: String(round) });
      if (this.#round === open && open.order.keepsClients) {
        open.dispose(betweenRounds());
        this.#round = null;
      } else if (this.#round === open) this.#endRound(`Round ${round} is over`);
      return { ...made, traffic: { ...open.traffic }, transfers };
    });
  }

  abandonRound(): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      this.#endRound('The round was abandoned');
      await this.#updates?.end(false);
      return null;
    });
  }

  releaseUpdates(): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      // A round that is open by now is not the one that was committed.
      if (!this.#round && !this.#opening) await this.#updates?.end(true);
      return null;
    });
  }

  publish(model: PublishedModel | null): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      this.#model.publish(model);
      return null;
    });
  }

  checkModel(bytes: SharedArrayBuffer): Promise<ServiceAnswer<Aggregate>> {
    return answer(() => checkedModel(this.#pool, bytes));
  }

  drain(graceMs: number): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      this.#isDraining = true;
      if (this.#inFlight === 0) return null;
      const { clock } = this.#options;
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, graceMs);
        this.#drained = () => {
          clock.clearTimeout(timer);
          resolve();
        };
      });
      return null;
    });
  }

  close(): Promise<ServiceAnswer<null>> {
    return answer(async () => {
      this.#isDraining = true;
      this.#endRound('The server is shutting down');
      await this.#options.listener?.close();
      await this.#pool.close();
      await this.#options.ownStrategies?.close();
      // What is staged stays: the next process goes on with it.
      await this.#updates?.close();
      return null;
    });
  }

  // ── asked by clients, through HTTP or in-process ────────────────────────────────────────────────────────────────

  beginDownload({ round, trainingToken }: { round: number; trainingToken: string }): PublishedModel | null {
    const ticket = this.#tickets.find(trainingToken);
    const order = this.#round?.order;
    if (ticket.round !== round) throw new ChorusError('TRAINING_TOKEN_MISMATCH');
    if (!order && this.#goesOn(ticket)) throw betweenRounds();
    if (!order || !this.#isOpen(ticket)) throw discarded(round);
    if (ticket.downloads >= order.downloadsMax) throw new ChorusError('DOWNLOADS_EXHAUSTED');
    ticket.downloads += 1;
    const bytes = this.#model.published?.bytes.byteLength ?? 0;
    this.#bytesServed += bytes;
    if (this.#round) this.#round.traffic.bytesOut += bytes;
    ticket.marks.downloadedAtMs ??= this.#options.clock.now();
    return this.#model.published;
  }

  beginUpload({ clientId, round, trainingToken, contentLength, allowZeroExamples = false }: UploadRequest): Upload {
    const ticket = this.#tickets.find(trainingToken);
    if (ticket.clientId !== clientId.toLowerCase() || ticket.round !== round) {
      throw new ChorusError('TRAINING_TOKEN_MISMATCH');
    }
    if (this.#isDraining) throw new ChorusError('SHUTTING_DOWN', undefined, { retryAfterMs: drainRetryAfterMs });
    if (ticket.receipt) return new ReplayedUpload(ticket.receipt, contentLength, ticket.payloadBytesMax);
    const open = this.#round;
    if (!open && this.#goesOn(ticket)) throw betweenRounds();
    if (!open || !this.#isOpen(ticket)) {
      const exhausted =
        ticket.refusals > 0 && open?.order.round === round && ticket.refusals >= open.order.uploadAttemptsMax;
      throw exhausted ? new ChorusError('UPLOAD_ATTEMPTS_EXHAUSTED') : discarded(round);
    }
    if (open.order.kind === 'evaluation') throw new ChorusError('TASK_MISMATCH');
    const bytesMax = open.order.payloadBytesMax;
    const tooLarge = (bytes: number): ChorusError => {
      void open.refuse(ticket, 'PAYLOAD_TOO_LARGE');
      return new ChorusError('PAYLOAD_TOO_LARGE', `The update has ${bytes} bytes; at most ${bytesMax} are taken`);
    };
    if (contentLength !== null && contentLength > bytesMax) throw tooLarge(contentLength);
    if (ticket.uploads.size >= uploadsPerClientMax) {
      throw new ChorusError('UPLOAD_IN_PROGRESS', undefined, { retryAfterMs: 1_000 });
    }
    const upload = new StagedUpload({
      contentLength,
      slot: new StagingSlot(this.#budget, this.#arenas, contentLength, bytesMax, open.sum?.span),
      inspect: (span, expectedBytes) => open.inspect(span, expectedBytes, allowZeroExamples),
      bytesMax,
      tooLarge,
      settle: (staged) => open.settle(ticket, staged, allowZeroExamples),
      ended: (over) => this.#uploadEnded(ticket, open, over),
    });
    ticket.uploads.add(upload);
    ticket.marks.uploadingAtMs = this.#options.clock.now();
    this.#inFlight += 1;
    return upload;
  }

  recognise({ clientId, trainingToken }: { clientId: string; trainingToken: string }) {
    const ticket = this.#tickets.find(trainingToken);
    if (ticket.clientId !== clientId.toLowerCase()) throw new ChorusError('TRAINING_TOKEN_MISMATCH');
    const { round, payloadBytesMax } = ticket;
    return { round, payloadBytesMax, isOpen: this.#isOpen(ticket) };
  }

  currentModel(): PublishedModel | null {
    return this.#model.published;
  }

  stats() {
    return {
      uploadsInFlight: this.#inFlight,
      stagedBytes: this.#budget.reservedBytes,
      stagingBytesMax: this.#options.stagingBytesMax,
      uploadsWaiting: this.#budget.waiting,
      bytesReceivedTotal: this.#bytesReceived,
      bytesServedTotal: this.#bytesServed,
      foldTasksTotal: this.#poolWork.tasks,
      foldMsTotal: this.#poolWork.ms,
    };
  }

  // ── how it is done ──────────────────────────────────────────────────────────────────────────────────────────────

  #uploadEnded(ticket: Ticket, round: OpenRound, upload: StagedUpload): void {
    ticket.uploads.delete(upload);
    this.#bytesReceived += upload.receivedBytes;
    round.traffic.bytesIn += upload.receivedBytes;
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#drained?.();
  }

  /** Its client trains on from one round to the next, and none is open now. */
  #goesOn(ticket: Ticket): boolean {
    return this.#tickets.of(ticket.clientId) === ticket && ticket.state === 'open';
  }

  #isOpen(ticket: Ticket): boolean {
    return this.#round !== null && this.#tickets.of(ticket.clientId) === ticket && ticket.state !== 'closed';
  }

  #endRound(reason: string): void {
    this.#tickets.closeAll(new ChorusError('UPDATE_DISCARDED', reason));
    this.#round?.dispose();
    this.#opening?.dispose();
    this.#round = null;
    this.#opening = null;
  }

  /** @throws STAGED_UPDATES_LOST */
  async #readBack(round: OpenRound, contributions: Recovered['contributions']): Promise<void> {
    if (contributions.length === 0) return;
    if (!this.#updates) throw new ChorusError('STAGED_UPDATES_LOST', 'This aggregator stages no updates');
    await readBack(round, contributions, { updates: this.#updates, budget: this.#budget, arenas: this.#arenas });
  }

  #readmit({ payloadBytesMax }: RoundOrder, { credentials, contributions }: Recovered): void {
    const receipts = new Map(contributions.map(({ receipt }) => [receipt.clientId, receipt]));
    for (const credential of credentials) {
      this.#tickets.readmit(credential, payloadBytesMax, receipts.get(credential.clientId) ?? null);
    }
    this.#pool.warm();
  }
}

/** When to come back to a buffered run that makes a version, ms. */
const betweenRoundsMs = 200;
const betweenRounds = (): ChorusError =>
  new ChorusError('AGGREGATOR_UNAVAILABLE', 'A version is being made; the update counts for the next one', {
    retryAfterMs: betweenRoundsMs,
  });

async function answer<T>(act: () => Promise<T>): Promise<ServiceAnswer<T>> {
  try {
    return { kind: 'ok', value: await act() };
  } catch (error) {
    return toRefusal(error);
  }
}

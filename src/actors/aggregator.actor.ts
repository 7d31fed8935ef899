import { type Actor, createActor, fromPromise, type InspectionEvent, type Observer } from 'xstate';
import type {
  Aggregate,
  AggregatorCallbacks,
  AggregatorService,
  Credential,
  PublishedModel,
  Recovered,
  RoundOrder,
  ServiceAnswer,
} from '../domain/aggregation.ts';
import type { Clock } from '../domain/clock.ts';
import type { Refusal } from '../domain/errors.ts';
import type { AggregatorSituation } from '../domain/explain-aggregator.ts';
import { type AggregatorEvent, aggregatorMachine, startWindowMs } from '../machines/aggregator.machine.ts';
import { deadline } from '../machines/deadline.ts';
import { GivenRound } from './given-round.ts';
import { callMsMax, ServiceCalls, type ServiceLink, unavailable } from './service-calls.ts';

export type { ServiceLink };

export interface AggregatorDeps {
  clock: Clock;
  /** Brings up a new life of the service. */
  connect: (callbacks: AggregatorCallbacks) => Promise<ServiceLink>;
  callbacks: AggregatorCallbacks & {
    /** The service died. */
    lost: (reason: string) => void;
    /** It is up again after a loss, with the model and the open round. */
    back: () => void;
    /** It comes up without the open round, for it cannot have back what was accepted in it. */
    updatesLost: (detail: string) => void;
  };
  /**
   * What was accepted in the open round, in order; null when nothing was, or when some of it is not staged, and then the
   * round is given up by who knows so.
   */
  contributions: () => Recovered['contributions'] | null;
  onCrash: (error: unknown) => void;
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
}

/** Longest wait for sums; the round's own deadline comes first. */
const aggregationMsMax = 2 ** 31 - 1;
/**
 * The aggregator's local face: supervises the service, and turns every call into an answer. A call to a service that
 * dies, or does not answer in time, is refused; it never hangs.
 */
export class AggregatorActor {
  readonly #deps: AggregatorDeps;
  readonly #machine: Actor<typeof aggregatorMachine>;
  readonly #calls: ServiceCalls;
  #wasLost = false;
  /** What a new life must be given back. */
  #listenAt: { host: string; port: number } | null = null;
  #model: PublishedModel | null = null;
  #url: string | null = null;
  readonly #round: GivenRound;

  constructor(deps: AggregatorDeps) {
    const { clock } = deps;
    this.#deps = deps;
    this.#calls = new ServiceCalls(clock);
    this.#round = new GivenRound({
      calls: this.#calls,
      contributions: deps.contributions,
      lost: (detail) => deps.callbacks.updatesLost(detail),
    });
    this.#machine = createActor(
      aggregatorMachine.provide({
        actors: {
          deadline: deadline(clock),
          start: fromPromise(({ signal }) => this.#start(signal)),
          resume: fromPromise(() => this.#resume()),
        },
        actions: { discard: () => this.#discard() },
      }),
      {
        id: 'aggregator',
        input: { atMs: clock.now() },
        clock,
        ...(deps.inspect ? { inspect: deps.inspect } : {}),
      },
    );
    this.#machine.subscribe({ next: () => this.#noteBack(), error: deps.onCrash });
  }

  start(): void {
    this.#machine.start();
  }

  /** The machine's state, for status and inspection. */
  get state(): string {
    return this.#machine.getSnapshot().value;
  }

  /** Where it stands, for those who ask why it waits. */
  get situation(): AggregatorSituation {
    const { value, context } = this.#machine.getSnapshot();
    const { losses, reason, deadlineAtMs } = context;
    return { state: value, losses, reason, deadlineAtMs };
  }

  get restarts(): number {
    return this.#machine.getSnapshot().context.restarts;
  }

  /** Where the service listens, or null. */
  get url(): string | null {
    return this.#url;
  }

  /** Settles when the service is ready; a refusal when it is given up or does not come up in time. */
  async ready(): Promise<Refusal | null> {
    if (this.#isReady) return null;
    if (this.state === 'failed') return this.#givenUp();
    if (this.#machine.getSnapshot().status !== 'active') return unavailable('It is shut down');
    return new Promise((resolve) => {
      const settle = (refusal: Refusal | null) => {
        this.#deps.clock.clearTimeout(timer);
        watch.unsubscribe();
        resolve(refusal);
      };
      const giveUp = () => {
        // Reading back may take longer; it has a deadline of its own.
        const msLeft = this.#msToResume();
        if (msLeft > 0) timer = this.#deps.clock.setTimeout(giveUp, msLeft);
        else settle(unavailable('It does not come up'));
      };
      let timer: unknown = this.#deps.clock.setTimeout(giveUp, startWindowMs);
      const watch = this.#machine.subscribe({
        next: () => {
          if (this.#isReady) settle(null);
          else if (this.state === 'failed') settle(this.#givenUp());
        },
        complete: () => settle(unavailable('It is shut down')),
        error: () => settle(unavailable('It crashed')),
      });
    });
  }

  async listen(at: { host: string; port: number }): Promise<ServiceAnswer<{ url: string }>> {
    const refusal = await this.ready();
    if (refusal) return refusal;
    const answer = await this.#calls.ask((service) => service.listen(at));
    if (answer.kind === 'ok') {
      this.#url = answer.value.url;
      // A restart must come back at the same place, also when the port was picked by the system.
      this.#listenAt = { host: at.host, port: Number(new URL(answer.value.url).port) };
    }
    return answer;
  }

  /** @param recovered what the attempt has already, when it was open before */
  async openRound(order: RoundOrder, recovered: Recovered | null): Promise<ServiceAnswer<null>> {
    const refusal = await this.ready();
    if (refusal) return refusal;
    const answer = await this.#round.open(order, recovered);
    if (answer.kind === 'ok') this.#tell({ type: 'round.opened' });
    return answer;
  }

  async admit(credential: Credential): Promise<ServiceAnswer<null>> {
    // One that is coming up does not know the round yet.
    if (!this.#isReady) return unavailable('It is restarting');
    this.#round.tokens.give(credential);
    return this.#calls.ask((service) => service.admit(credential));
  }

  /** Tokens that an earlier process gave out for rounds that are over. To be called before `start`. */
  recallPast(credentials: readonly Credential[], payloadBytesMax: number): void {
    this.#round.recallPast(credentials, payloadBytesMax);
  }

  revoke(clientId: string): Promise<ServiceAnswer<null>> {
    this.#round.tokens.revoke(clientId);
    return this.#calls.ask((service) => service.revoke(clientId));
  }

  /** If the service is lost over it, the round is not open any more: it may be opened again, with all it had. */
  async closeRound(request: Parameters<AggregatorService['closeRound']>[0]): Promise<ServiceAnswer<Aggregate>> {
    const refusal = await this.ready();
    if (refusal) return refusal;
    this.#round.over();
    this.#tell({ type: 'round.closing' });
    const answer = await this.#calls.ask((service) => service.closeRound(request), aggregationMsMax);
    this.#tell({ type: 'round.closed' });
    return answer;
  }

  async abandonRound(): Promise<ServiceAnswer<null>> {
    this.#round.over();
    const answer = await this.#calls.ask((service) => service.abandonRound());
    this.#tell({ type: 'round.closed' });
    return answer;
  }

  releaseUpdates(): Promise<ServiceAnswer<null>> {
    return this.#calls.ask((service) => service.releaseUpdates());
  }

  async publish(model: PublishedModel | null): Promise<ServiceAnswer<null>> {
    this.#model = model;
    const refusal = await this.ready();
    return refusal ?? this.#calls.ask((service) => service.publish(model));
  }

  async checkModel(bytes: SharedArrayBuffer): Promise<ServiceAnswer<Aggregate>> {
    const refusal = await this.ready();
    return refusal ?? this.#calls.ask((service) => service.checkModel(bytes), aggregationMsMax);
  }

  drain(graceMs: number): Promise<ServiceAnswer<null>> {
    return this.#calls.ask((service) => service.drain(graceMs), graceMs + callMsMax);
  }

  /** Closes the service with its listener; then it is gone for good. */
  async close(): Promise<void> {
    await this.#calls.ask((service) => service.close());
    this.#tell({ type: 'service.close' });
  }

  /** Ends the running service as a fault would. For tests of recovery. */
  kill(): void {
    this.#calls.link?.kill();
  }

  /** An answer may come when it is closed already. */
  #tell(event: AggregatorEvent): void {
    if (this.#machine.getSnapshot().status === 'active') this.#machine.send(event);
  }

  get #isReady(): boolean {
    return this.#machine.getSnapshot().hasTag('ready');
  }

  /** Longest time that taking up the round goes on from now, ms; 0 when that is not what it is at. */
  #msToResume(): number {
    const { value, context } = this.#machine.getSnapshot();
    return value === 'resuming' ? (context.deadlineAtMs ?? 0) - this.#deps.clock.now() : 0;
  }

  async #start(signal: AbortSignal): Promise<{ atMs: number; bytesToRead: number }> {
    let life: ServiceLink | null = null;
    const link = await this.#deps.connect(this.#callbacksOf(() => life !== null && life === this.#calls.link));
    life = link;
    if (signal.aborted) {
      link.kill();
      throw new Error('It started too late');
    }
    this.#calls.link = link;
    void link.gone.then((reason) => {
      this.#calls.refuse(link, reason);
      if (this.#calls.link !== link) return;
      this.#wasLost = true;
      this.#tell({ type: 'service.lost', reason, atMs: this.#deps.clock.now() });
      this.#deps.callbacks.lost(reason);
    });
    // Answered when it is up, also when there is no model.
    await this.#calls.must((service) => service.publish(this.#model));
    return { atMs: this.#deps.clock.now(), bytesToRead: this.#round.bytesToRead };
  }

  /** The round and its tokens come before the port, so that no client comes too early. */
  async #resume(): Promise<{ atMs: number }> {
    await this.#round.giveBack();
    const at = this.#listenAt;
    if (at) await this.#calls.must((service) => service.listen(at));
    return { atMs: this.#deps.clock.now() };
  }

  /** What this life of the service may say, and is heard only as long as it lasts: afterwards nothing of it is in a sum. */
  #callbacksOf(isAlive: () => boolean): AggregatorCallbacks {
    const { callbacks } = this.#deps;
    return {
      endTraining: (report) => {
        if (!isAlive()) return unavailable('It was restarted meanwhile');
        if (report.outcome.kind === 'failed') this.#round.tokens.revoke(report.clientId);
        return callbacks.endTraining(report);
      },
      uploadRefused: (report) => callbacks.uploadRefused(report),
    };
  }

  #givenUp(): Refusal {
    return unavailable(
      `It was lost too often and is given up; the last time, ${this.#machine.getSnapshot().context.reason}`,
    );
  }

  #noteBack(): void {
    if (!this.#wasLost || !this.#isReady) return;
    this.#wasLost = false;
    if (this.#round.isOpen) this.#tell({ type: 'round.opened' });
    this.#deps.callbacks.back();
  }

  #discard(): void {
    const link = this.#calls.link;
    this.#calls.link = null;
    link?.kill();
  }
}

import { type Actor, createActor, fromPromise, type InspectionEvent, type Observer } from 'xstate';
import type {
  Aggregate,
  AggregatorCallbacks,
  AggregatorService,
  Credential,
  PublishedModel,
  RoundOrder,
  ServiceAnswer,
} from '../domain/aggregation.ts';
import type { Clock } from '../domain/clock.ts';
import type { Refusal } from '../domain/errors.ts';
import { aggregatorMachine, startWindowMs } from '../machines/aggregator.machine.ts';
import { deadline } from '../machines/deadline.ts';
import { GivenTokens } from './given-tokens.ts';

/** One life of the service: a worker thread, or an object in this thread. */
export interface ServiceLink {
  readonly service: AggregatorService;
  /** Settles when the service is gone, with the reason; never rejects. */
  readonly gone: Promise<string>;
  /** Ends it at once. Idempotent. */
  kill(): void;
}

export interface AggregatorDeps {
  clock: Clock;
  /** Brings up a new life of the service. */
  connect: (callbacks: AggregatorCallbacks) => Promise<ServiceLink>;
  callbacks: AggregatorCallbacks & {
    /** The service died. */
    lost: (reason: string) => void;
    /** It is up again after a loss, with the model and the open round. */
    back: () => void;
  };
  onCrash: (error: unknown) => void;
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
}

/** Longest wait for an answer that needs no heavy work, ms. */
const callMsMax = 10_000;
/** Longest wait for sums; the round's own deadline comes first. */
const aggregationMsMax = 2 ** 31 - 1;

/**
 * The aggregator's local face: supervises the service, and turns every call into an answer. A call to a service that
 * dies, or does not answer in time, is refused; it never hangs.
 */
export class AggregatorActor {
  readonly #deps: AggregatorDeps;
  readonly #machine: Actor<typeof aggregatorMachine>;
  #link: ServiceLink | null = null;
  /** Calls without an answer yet; refused together when their service is gone. */
  readonly #pending = new WeakMap<ServiceLink, Set<(refusal: Refusal) => void>>();
  #wasLost = false;
  /** What a new life must be given back. */
  #listenAt: { host: string; port: number } | null = null;
  #model: PublishedModel | null = null;
  #url: string | null = null;
  /** The open round. */
  #order: RoundOrder | null = null;
  #payloadBytesMax = 0;
  readonly #tokens = new GivenTokens();

  constructor(deps: AggregatorDeps) {
    const { clock } = deps;
    this.#deps = deps;
    this.#machine = createActor(
      aggregatorMachine.provide({
        actors: { deadline: deadline(clock), start: fromPromise(({ signal }) => this.#start(signal)) },
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
    return new Promise((resolve) => {
      const settle = (refusal: Refusal | null) => {
        this.#deps.clock.clearTimeout(timer);
        watch.unsubscribe();
        resolve(refusal);
      };
      const timer = this.#deps.clock.setTimeout(() => settle(unavailable('It does not come up')), startWindowMs);
      const watch = this.#machine.subscribe({
        next: () => {
          if (this.#isReady) settle(null);
          else if (this.state === 'failed') settle(this.#givenUp());
        },
        complete: () => settle(unavailable('It is shut down')),
        error: () => settle(unavailable('It crashed')),
      });
      if (this.state === 'failed') settle(this.#givenUp());
      if (this.state === 'closed') settle(unavailable('It is shut down'));
    });
  }

  async listen(at: { host: string; port: number }): Promise<ServiceAnswer<{ url: string }>> {
    const refusal = await this.ready();
    if (refusal) return refusal;
    const answer = await this.#call((service) => service.listen(at));
    if (answer.kind === 'ok') {
      this.#url = answer.value.url;
      // A restart must come back at the same place, also when the port was picked by the system.
      this.#listenAt = { host: at.host, port: Number(new URL(answer.value.url).port) };
    }
    return answer;
  }

  async openRound(order: RoundOrder): Promise<ServiceAnswer<null>> {
    const refusal = await this.ready();
    if (refusal) return refusal;
    this.#roundIsOver();
    this.#order = order;
    this.#payloadBytesMax = order.payloadBytesMax;
    const answer = await this.#call((service) => service.openRound(order));
    if (answer.kind === 'ok') this.#machine.send({ type: 'round.opened' });
    return answer;
  }

  async admit(credential: Credential): Promise<ServiceAnswer<null>> {
    // One that is coming up does not know the round yet.
    if (!this.#isReady) return unavailable('It is restarting');
    this.#tokens.give(credential);
    return this.#call((service) => service.admit(credential));
  }

  revoke(clientId: string): Promise<ServiceAnswer<null>> {
    this.#tokens.revoke(clientId);
    return this.#call((service) => service.revoke(clientId));
  }

  async closeRound(request: Parameters<AggregatorService['closeRound']>[0]): Promise<ServiceAnswer<Aggregate>> {
    this.#roundIsOver();
    this.#machine.send({ type: 'round.closing' });
    const answer = await this.#call((service) => service.closeRound(request), aggregationMsMax);
    this.#machine.send({ type: 'round.closed' });
    return answer;
  }

  async abandonRound(): Promise<ServiceAnswer<null>> {
    this.#roundIsOver();
    const answer = await this.#call((service) => service.abandonRound());
    this.#machine.send({ type: 'round.closed' });
    return answer;
  }

  async publish(model: PublishedModel | null): Promise<ServiceAnswer<null>> {
    this.#model = model;
    const refusal = await this.ready();
    return refusal ?? this.#call((service) => service.publish(model));
  }

  async checkModel(bytes: SharedArrayBuffer): Promise<ServiceAnswer<Aggregate>> {
    const refusal = await this.ready();
    return refusal ?? this.#call((service) => service.checkModel(bytes), aggregationMsMax);
  }

  drain(graceMs: number): Promise<ServiceAnswer<null>> {
    return this.#call((service) => service.drain(graceMs), graceMs + callMsMax);
  }

  /** Closes the service with its listener; then it is gone for good. */
  async close(): Promise<void> {
    await this.#call((service) => service.close());
    this.#machine.send({ type: 'service.close' });
  }

  /** Ends the running service as a fault would. For tests of recovery. */
  kill(): void {
    this.#link?.kill();
  }

  get #isReady(): boolean {
    return this.#machine.getSnapshot().hasTag('ready');
  }

  async #start(signal: AbortSignal): Promise<{ atMs: number }> {
    const link = await this.#deps.connect(this.#deps.callbacks);
    if (signal.aborted) {
      link.kill();
      throw new Error('It started too late');
    }
    this.#link = link;
    void link.gone.then((reason) => {
      for (const settle of this.#pending.get(link) ?? []) settle(unavailable(reason));
      if (this.#link !== link) return;
      this.#wasLost = true;
      this.#machine.send({ type: 'service.lost', reason, atMs: this.#deps.clock.now() });
      this.#deps.callbacks.lost(reason);
    });
    if (this.#model) await this.#must((service) => service.publish(this.#model));
    await this.#must((service) => service.recall(this.#tokens.past, this.#payloadBytesMax));
    await this.#giveRoundBack();
    const at = this.#listenAt;
    if (at) await this.#must((service) => service.listen(at));
    return { atMs: this.#deps.clock.now() };
  }

  /** A round that is still open goes on where it was; before the port is open, so that no client comes too early. */
  async #giveRoundBack(): Promise<void> {
    const order = this.#order;
    if (!order) return;
    await this.#must((service) => service.openRound(order));
    await Promise.all(this.#tokens.open.map((credential) => this.#call((service) => service.admit(credential))));
  }

  #givenUp(): Refusal {
    return unavailable(
      `It was lost too often and is given up; the last time, ${this.#machine.getSnapshot().context.reason}`,
    );
  }

  #roundIsOver(): void {
    this.#order = null;
    this.#tokens.roundOver();
  }

  async #must(call: (service: AggregatorService) => Promise<ServiceAnswer<unknown>>): Promise<void> {
    const answer = await this.#call(call);
    if (answer.kind === 'refused') throw new Error(answer.detail);
  }

  #noteBack(): void {
    if (!this.#wasLost || !this.#isReady) return;
    this.#wasLost = false;
    if (this.#order) this.#machine.send({ type: 'round.opened' });
    this.#deps.callbacks.back();
  }

  #discard(): void {
    const link = this.#link;
    this.#link = null;
    link?.kill();
  }

  /** Races an answer with the service's end and with time. */
  #call<T>(
    call: (service: AggregatorService) => Promise<ServiceAnswer<T>>,
    msMax: number = callMsMax,
  ): Promise<ServiceAnswer<T>> {
    const link = this.#link;
    if (!link) return Promise.resolve(unavailable('It is restarting'));
    const { clock } = this.#deps;
    const pending = this.#pending.get(link) ?? new Set();
    this.#pending.set(link, pending);
    return new Promise((resolve) => {
      const settle = (answer: ServiceAnswer<T>) => {
        clock.clearTimeout(timer);
        pending.delete(settle);
        resolve(answer);
      };
      pending.add(settle);
      const timer = clock.setTimeout(() => {
        settle(unavailable('It does not answer'));
        // A service that is deaf is as good as dead, and is replaced like one.
        link.kill();
      }, msMax);
      call(link.service).then(settle, (error: unknown) => settle(unavailable(String(error))));
    });
  }
}

const unavailable = (detail: string): Refusal => ({
  kind: 'refused',
  code: 'AGGREGATOR_UNAVAILABLE',
  detail: `The aggregator is not available: ${detail}`,
  retryAfterMs: 1_000,
});

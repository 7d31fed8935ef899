import { onTestFinished } from 'vitest';
import { AggregatorActor } from '../../../src/actors/aggregator.actor.ts';
import { threadLink } from '../../../src/actors/aggregator-links.ts';
import type { Credential, Recovered, RoundOrder } from '../../../src/domain/aggregation.ts';
import { systemClock } from '../../../src/domain/clock.ts';
import { type Answer, call, eventually } from '../../http/calls.ts';
import { order } from './service.ts';

type Contribution = Recovered['contributions'][number];

/** The aggregator on a thread of its own with its port open, before a coordinator that accepts whatever comes. */
export class TestAggregator {
  readonly actor: AggregatorActor;
  /** What the coordinator has accepted in the open round. */
  accepted: Contribution[] = [];
  readonly updatesLost: string[] = [];
  losses = 0;
  /** Called when the thread is gone. */
  onLost: () => void = () => undefined;
  #url = '';

  private constructor(dir: string) {
    const http = {};
    const staging = { dir, fsync: 'always', keep: false };
    this.actor = new AggregatorActor({
      clock: systemClock,
      connect: threadLink({ stagingBytesMax: 2 ** 26, foldThreads: 1, http, preloadHttp: true, updates: staging }),
      callbacks: {
        endTraining: ({ outcome }) => {
          if (outcome.kind === 'valid' && outcome.staged) {
            this.accepted.push({ receipt: outcome.receipt, staged: outcome.staged });
          }
          return { kind: 'accepted' };
        },
        uploadRefused: () => undefined,
        lost: () => {
          this.losses += 1;
          this.onLost();
        },
        back: () => undefined,
        updatesLost: (detail) => this.updatesLost.push(detail),
      },
      contributions: () => (this.accepted.length === 0 ? null : this.accepted),
      onCrash: (error) => {
        throw error;
      },
    });
  }

  static async start(dir: string, past: readonly Credential[] = []): Promise<TestAggregator> {
    const aggregator = new TestAggregator(dir);
    onTestFinished(() => aggregator.end());
    aggregator.actor.recallPast(past, order.payloadBytesMax);
    aggregator.actor.start();
    const answer = await aggregator.actor.listen({ host: '127.0.0.1', port: 0 });
    if (answer.kind === 'refused') throw new Error(answer.detail);
    aggregator.#url = answer.value.url;
    return aggregator;
  }

  /** Opens the round, and lets these clients in. */
  async open(credentials: readonly Credential[], about: Partial<RoundOrder> = {}): Promise<void> {
    this.accepted = [];
    const answers = [await this.actor.openRound({ ...order, ...about }, null)];
    for (const credential of credentials) answers.push(await this.actor.admit(credential));
    for (const answer of answers) if (answer.kind === 'refused') throw new Error(answer.detail);
  }

  /** Opens the round again, with all that it had accepted. */
  openAgain(credentials: readonly Credential[]) {
    return this.actor.openRound(order, { credentials, contributions: this.accepted });
  }

  close(attempt = 1) {
    const contributions = this.accepted.map(({ receipt }) => receipt.clientId);
    return this.actor.closeRound({ round: 1, attempt, contributions });
  }

  async model(attempt?: number): Promise<Uint8Array> {
    const closed = await this.close(attempt);
    if (closed.kind === 'refused') throw new Error(closed.detail);
    return new Uint8Array(closed.value.bytes);
  }

  upload({ clientId, trainingToken, round }: Credential, body: Uint8Array): Promise<Answer> {
    return call('PUT', `${this.#url}/v1/rounds/${round}/updates/${clientId}`, { token: trainingToken, body });
  }

  /** As a server that is shut down. */
  async end(): Promise<void> {
    if (this.actor.state !== 'closed') await this.actor.close();
  }

  /** Ends the thread as a fault would, and waits until that is known. */
  async kill(): Promise<void> {
    const { losses } = this;
    this.actor.kill();
    await eventually(() => this.losses).toBeGreaterThan(losses);
  }

  async untilBack(): Promise<void> {
    await eventually(() => ['idle', 'collecting'].includes(this.actor.state)).toBe(true);
  }
}

import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { AggregatorActor } from '../../src/actors/aggregator.actor.ts';
import { inlineLink } from '../../src/actors/aggregator-links.ts';
import type { Aggregation } from '../../src/aggregator/service.ts';
import type { Recovered, Verdict } from '../../src/domain/aggregation.ts';
import { codeOf } from '../support/code-of.ts';
import { MemoryUpdateStore } from './support/memory-update-store.ts';
import { credentialOf, order, serviceWith, settle, upload } from './support/service.ts';

/** An aggregator in this thread, on a simulated clock, before a coordinator that accepts what comes. */
class Supervised {
  readonly clock = new SimulatedClock();
  readonly store = new MemoryUpdateStore();
  readonly lives: Aggregation[] = [];
  readonly updatesLost: string[] = [];
  accepted: Recovered['contributions'][number][] = [];
  /** Called when the aggregator asks what was accepted. */
  onAsked: () => void = () => undefined;
  verdict: () => Verdict | Promise<Verdict> = () => ({ kind: 'accepted' });
  readonly actor = new AggregatorActor({
    clock: this.clock,
    connect: inlineLink((callbacks) => {
      const life = serviceWith(callbacks, { updates: this.store, clock: this.clock });
      this.lives.push(life);
      return life;
    }),
    callbacks: {
      endTraining: ({ outcome }) => {
        if (outcome.kind === 'valid' && outcome.staged) {
          this.accepted.push({ receipt: outcome.receipt, staged: outcome.staged });
        }
        return this.verdict();
      },
      uploadRefused: () => undefined,
      lost: () => undefined,
      back: () => undefined,
      updatesLost: (detail) => this.updatesLost.push(detail),
    },
    contributions: () => {
      this.onAsked();
      return this.accepted;
    },
    onCrash: (error) => {
      throw error;
    },
  });

  static async start(): Promise<Supervised> {
    const supervised = new Supervised();
    supervised.actor.start();
    await supervised.actor.ready();
    await supervised.actor.openRound(order, null);
    for (const client of ['a', 'b']) await supervised.actor.admit(credentialOf(client));
    return supervised;
  }

  get life(): Aggregation {
    const life = this.lives.at(-1);
    if (!life) throw new Error('It was not started');
    return life;
  }

  /** Lets time pass, and all happen that then happens. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      this.clock.increment(Math.min(500, ms - passed));
      await settle();
    }
  }

  async kill(): Promise<void> {
    this.actor.kill();
    await settle();
  }
}

describe('an aggregator that takes up a round', () => {
  it('is given time as the bytes that it has to read want it, and no more', async () => {
    const aggregator = await Supervised.start();
    await upload(aggregator.life, 'a', 1);
    const [first] = aggregator.accepted as [(typeof aggregator.accepted)[number]];
    // 15 s to start, and 30 s for 300 MB.
    aggregator.accepted = [first, { ...first, staged: { at: 1, bytes: 300_000_000 } }];
    let isClosed = false;
    aggregator.store.delay = new Promise(() => undefined);
    await aggregator.kill();
    await aggregator.pass(500);
    expect(aggregator.actor.state).toBe('resuming');
    const closing = aggregator.actor.closeRound({ round: 1, attempt: 1, contributions: ['a'] }).finally(() => {
      isClosed = true;
    });
    await aggregator.pass(43_000);
    expect([aggregator.actor.state, aggregator.actor.restarts, isClosed]).toEqual(['resuming', 1, false]);
    await aggregator.pass(3_000);
    expect(aggregator.actor.restarts).toBe(2);
    expect(await closing).toMatchObject({ code: 'AGGREGATOR_UNAVAILABLE' });
  });

  it('and is lost again and again over it comes up without it', async () => {
    const aggregator = await Supervised.start();
    await upload(aggregator.life, 'a', 1);
    aggregator.onAsked = () => {
      if (aggregator.actor.state === 'resuming') aggregator.actor.kill();
    };
    await aggregator.kill();
    await aggregator.pass(5_000);
    expect([aggregator.actor.state, aggregator.lives.length]).toEqual(['idle', 5]);
    expect(aggregator.updatesLost).toEqual(['The aggregator was lost 3 times while it took up the round']);
    expect(await codeOf(() => upload(aggregator.life, 'b', 1))).toBe('UPDATE_DISCARDED');
    expect(await aggregator.actor.openRound({ ...order, attempt: 2 }, null)).toMatchObject({ kind: 'ok' });
  });

  it('that is abandoned meanwhile comes up without it, and has lost nothing', async () => {
    const aggregator = await Supervised.start();
    await upload(aggregator.life, 'a', 1);
    let proceed: () => void = () => undefined;
    aggregator.store.delay = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    await aggregator.kill();
    await aggregator.pass(500);
    const abandoned = aggregator.actor.abandonRound();
    proceed();
    expect(await abandoned).toMatchObject({ kind: 'ok' });
    await settle();
    expect([aggregator.actor.state, aggregator.updatesLost]).toEqual(['idle', []]);
    expect(aggregator.store.files.size).toBe(0);
  });
});

describe('an aggregator that was lost', () => {
  it('accepts nothing any more: what it had on its way may be sent again', async () => {
    const aggregator = await Supervised.start();
    let proceed: () => void = () => undefined;
    aggregator.store.delay = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const old = codeOf(() => upload(aggregator.life, 'a', 1));
    await settle();
    await aggregator.kill();
    proceed();
    expect(await old).toBe('AGGREGATOR_UNAVAILABLE');
    expect(aggregator.accepted).toEqual([]);
    await aggregator.pass(500);
    await upload(aggregator.life, 'a', 1);
    expect(aggregator.accepted).toHaveLength(1);
  });

  it('gives back what was accepted while the coordinator had not answered yet', async () => {
    const aggregator = await Supervised.start();
    aggregator.verdict = () => new Promise(() => undefined);
    void upload(aggregator.life, 'a', 1);
    await settle();
    expect(aggregator.accepted).toHaveLength(1);
    await aggregator.kill();
    await aggregator.pass(500);
    expect(await upload(aggregator.life, 'a', 1)).toEqual(aggregator.accepted[0]?.receipt);
    expect(await aggregator.actor.closeRound({ round: 1, attempt: 1, contributions: ['a'] })).toMatchObject({
      kind: 'ok',
    });
  });
});

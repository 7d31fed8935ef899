import { ChorusError } from '../../src/domain/errors.ts';
import type { Tensors } from '../../src/domain/model.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { TestChorus, type TestClient } from '../../src/testing/index.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';

/** One client's work on one model. */
export interface Work {
  /** From 0. */
  client: number;
  /** The client's how-manieth work this is, from 1. */
  turn: number;
  /** The global model, a copy of the client's own. */
  model: Tensors;
  hyperparameters: Readonly<Record<string, unknown>>;
}

/** What a client made of it: full weights, whatever the plan wants uploaded. */
export interface Learnt {
  tensors: Tensors;
  numExamples: number;
}

/** A committed model. */
export interface Version {
  /** Committed rounds; in a buffered run, versions. */
  round: number;
  /** Simulated time since the first client was selected, ms. */
  atMs: number;
  model: Tensors;
  /** Whether the run ends with it. */
  isLast: boolean;
}

export interface Federation {
  /** Its initialModel must be `upload`. */
  plan: Partial<Plan>;
  /** Decides who is selected. */
  seed: number;
  clients: number;
  initial: Tensors;
  train: (work: Work) => Learnt | Promise<Learnt>;
  /** How long a client has a model before its update is there, simulated ms. @default no time */
  trainingMs?: (client: number, turn: number) => number;
  /** Told of each version in turn. @returns whether to go on. */
  onVersion: (version: Version) => boolean;
}

/** Updates of a run, the unneeded ones included; more is no run that ends. */
const updatesMax = 1_000_000;

/**
 * A whole run: the coordinator, the aggregator and every check of an update are the real ones, in this thread, on
 * simulated time. Only the clients are made here, and the network between takes no time.
 * @throws {Error} the run waits for something that will not come.
 */
export async function federate(federation: Federation): Promise<void> {
  const { plan, seed, clients, initial } = federation;
  const chorus = await TestChorus.create({ plan, seed });
  try {
    await chorus.handle.installModel(chorus.handle.run()?.run ?? '', encodeSafetensors(initial, {}));
    await new Crew(federation, chorus, await chorus.joinMany(clients)).work();
  } finally {
    await chorus.chorus.close();
  }
}

/** Work under way. */
interface Task extends Work {
  dueAtMs: number;
}

class Crew {
  readonly #federation: Federation;
  readonly #chorus: TestChorus;
  readonly #clients: readonly TestClient[];
  readonly #turns: number[];
  readonly #startedAtMs: number;
  /** By when they are due, then by when they began. */
  readonly #tasks: Task[] = [];
  #round = 0;
  #goesOn = true;

  constructor(federation: Federation, chorus: TestChorus, clients: readonly TestClient[]) {
    this.#federation = federation;
    this.#chorus = chorus;
    this.#clients = clients;
    this.#turns = clients.map(() => 0);
    this.#startedAtMs = chorus.nowMs;
  }

  async work(): Promise<void> {
    for (let updates = 0; updates < updatesMax; updates += 1) {
      await this.#hearNews();
      if (!this.#goesOn) return;
      await this.#begin();
      const task = this.#tasks.shift();
      if (!task) throw new Error(`Nobody trains: ${this.#chorus.handle.status().waitingFor.summary}`);
      const restMs = task.dueAtMs - this.#chorus.nowMs;
      if (restMs > 0) await this.#chorus.advance(restMs, { alive: [...this.#clients], stepMs: restMs });
      await this.#end(task);
    }
    throw new Error(`${updatesMax} updates have not ended the run`);
  }

  /** Whoever is selected takes its ticket and the model. */
  async #begin(): Promise<void> {
    if (this.#chorus.handle.status().counts.selected === 0) return;
    for (const [client, { state }] of this.#clients.entries()) {
      if (state === 'selected') await this.#take(client);
    }
    this.#tasks.sort((a, b) => a.dueAtMs - b.dueAtMs);
  }

  async #take(client: number): Promise<void> {
    const link = this.#link(client);
    const { hyperparameters } = await link.start();
    const model = link.download();
    if (!model) throw new Error('The run has no model yet');
    const turn = (this.#turns[client] ?? 0) + 1;
    this.#turns[client] = turn;
    const dueAtMs = this.#chorus.nowMs + (this.#federation.trainingMs?.(client, turn) ?? 0);
    // Of a client that was left out and is selected again, the earlier work is for nobody.
    const earlier = this.#tasks.findIndex((task) => task.client === client);
    if (earlier !== -1) this.#tasks.splice(earlier, 1);
    this.#tasks.push({ client, turn, model, hyperparameters, dueAtMs });
  }

  async #end(task: Task): Promise<void> {
    const link = this.#link(task.client);
    // The round may have closed without it; then nobody waits for what it would learn.
    if (link.state !== 'training') return;
    const { plan, train } = this.#federation;
    const global = plan.updateKind === 'deltas' ? structuredClone(task.model) : null;
    const { tensors, numExamples } = await train(task);
    try {
      await link.upload(global ? difference(tensors, global) : tensors, { numExamples });
    } catch (error) {
      if (!(error instanceof ChorusError && error.code === 'UPDATE_DISCARDED')) throw error;
    }
    await this.#chorus.settle();
  }

  async #hearNews(): Promise<void> {
    const { round, runState, modelVersion } = this.#chorus.handle.status();
    const isLast = runState === 'finished';
    const committed = isLast ? (this.#federation.plan.rounds ?? round) : round - 1;
    if (committed <= this.#round || modelVersion === null) return;
    this.#round = committed;
    const model = await this.#chorus.model();
    const atMs = this.#chorus.nowMs - this.#startedAtMs;
    this.#goesOn = this.#federation.onVersion({ round: committed, atMs, model, isLast }) && !isLast;
  }

  #link(client: number): TestClient {
    const link = this.#clients[client];
    if (!link) throw new RangeError(`There is no client ${client}`);
    return link;
  }
}

/** @returns `one − other`, tensor by tensor. */
function difference(one: Tensors, other: Tensors): Tensors {
  const entries = Object.entries(one).map(([name, tensor]) => {
    const from = other[name]?.data ?? tensor.data;
    return [name, { ...tensor, data: tensor.data.map((value, index) => value - (from[index] ?? 0)) }];
  });
  return Object.fromEntries(entries);
}

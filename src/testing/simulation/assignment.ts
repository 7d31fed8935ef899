import type { Receipt, TrainingTicket } from '../../domain/handle.ts';
import { decodeSafetensors } from '../../wire/safetensors.ts';
import { type Answer, mayPass } from './answers.ts';
import { retryDelayMs } from './backoff.ts';
import type { Chance } from './chance.ts';
import type { SentResult } from './evaluations.ts';
import type { Network } from './network.ts';
import { type Payload, payloadOf, type SimulatedTrainer } from './payload.ts';
import { randomResult } from './results.ts';
import { gateOf, type LiveServer, type Server } from './server.ts';
import type { World } from './world.ts';

/** How often a token that the aggregator does not know is taken to the coordinator again. */
const renewalsMax = 3;
/** Attempts at one call. */
const attemptsMax = 120;

/** What an assignment needs of the simulation. */
export interface AssignmentDeps {
  world: World;
  network: Network;
  server: Server;
  chance: Chance;
  train: SimulatedTrainer;
  /** How long training takes when nothing is wrong, ms. */
  trainingMs: { from: number; to: number };
  oracle: {
    /** These bytes were sent by this client as its update of this round. */
    sent(update: { run: string; round: number; clientId: string; payload: Payload }): void;
    /** The server said to a client that its update counts. */
    acknowledged(run: string, receipt: Receipt): void;
    readonly evaluations: {
      /** This client sent this result. */
      sent(run: string, clientId: string, result: SentResult): void;
      /** The server said to a client that its result counts. */
      acknowledged(run: string, receipt: Receipt): void;
    };
  };
}

/** Who works. */
export interface Worker {
  readonly name: string;
  readonly index: number;
  readonly clientId: string;
  readonly clientToken: string;
}

/**
 * How a client's work on a round ended: `over`: with a verdict, or because it is not wanted; `sitOut`: in a way that the
 * server must be told of; `forgotten`: the server does not know the client.
 */
export type AssignmentEnd = 'over' | 'sitOut' | 'forgotten';

/** A client's work on one round, call by call, with the retries of the client package. */
export class Assignment {
  readonly #deps: AssignmentDeps;
  readonly #worker: Worker;
  readonly #onEnd: (end: AssignmentEnd) => void;
  #isOver = false;
  #ticket: TrainingTicket | null = null;
  #giveUpAtMs = Number.POSITIVE_INFINITY;
  #renewals = 0;

  constructor(deps: AssignmentDeps, worker: Worker, onEnd: (end: AssignmentEnd) => void) {
    this.#deps = deps;
    this.#worker = worker;
    this.#onEnd = onEnd;
    this.#start((ticket) => this.#take(ticket), 0);
  }

  /** The round it has a ticket for. */
  get round(): number | null {
    return this.#ticket?.round ?? null;
  }

  /** It is not wanted any more, or its client is gone: nothing that still comes is heeded. */
  drop(): void {
    this.#isOver = true;
  }

  #end(end: AssignmentEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd(end);
  }

  #note(what: string, about?: unknown): void {
    this.#deps.world.note(this.#worker.name, what, about);
  }

  /** Makes a call until it goes well, or in vain. */
  #insist<T>(send: (settle: (answer: Answer<T>) => void) => void, take: (answer: Answer<T>) => void, failures = 0) {
    send((answer) => {
      if (this.#isOver) return;
      if (!mayPass(answer)) return take(answer);
      const { world, chance } = this.#deps;
      const delayMs = retryDelayMs(answer, failures, chance);
      if (failures + 1 >= attemptsMax || world.nowMs + delayMs > this.#giveUpAtMs) {
        this.#note('gives up', answer);
        return this.#end('sitOut');
      }
      world.scheduler.after(delayMs, () => {
        if (!this.#isOver) this.#insist(send, take, failures + 1);
      });
    });
  }

  #start(take: (ticket: TrainingTicket) => void, failures: number): void {
    const { network, world } = this.#deps;
    const { name: who, clientId, clientToken } = this.#worker;
    const act = (live: LiveServer) => {
      mustBe(live, clientId, clientToken);
      return live.handle.startTraining(clientId);
    };
    if (world.strikes('repetition', 0.2)) network.call({ who, what: 'training (again)', act, settle: () => undefined });
    this.#insist<TrainingTicket>(
      (settle) => network.call({ who, what: 'training', act, settle }),
      (answer) => {
        if (answer.kind === 'ok') return take(answer.value);
        this.#note('is refused a ticket', answer);
        const isForgotten = answer.kind === 'refused' && answer.code === 'CLIENT_UNKNOWN';
        this.#end(isForgotten ? 'forgotten' : 'over');
      },
      failures,
    );
  }

  #take(ticket: TrainingTicket): void {
    const { world, server } = this.#deps;
    this.#ticket = ticket;
    this.#giveUpAtMs = world.nowMs + Math.max(0, ticket.deadlineAtMs - server.wallMs);
    this.#note('takes its ticket', { round: ticket.round, model: ticket.modelVersion });
    this.#download();
  }

  #download(): void {
    const ticket = this.#mustHaveTicket();
    const { network } = this.#deps;
    const { name: who } = this.#worker;
    const { round, trainingToken } = ticket;
    this.#insist<Uint8Array | null>(
      (settle) =>
        network.call({
          who,
          what: 'download',
          act: (live) => {
            const model = gateOf(live).beginDownload({ round, trainingToken });
            return model && new Uint8Array(model.bytes);
          },
          settle,
        }),
      (answer) => {
        if (answer.kind === 'ok') {
          this.#note('has the model');
          this.#work(answer.value);
        } else if (this.#isTokenUnknown(answer)) this.#renew(() => this.#download());
        else this.#end(answer.kind === 'refused' && answer.code === 'UPDATE_DISCARDED' ? 'over' : 'sitOut');
      },
    );
  }

  #work(model: Uint8Array | null): void {
    const { world, chance, trainingMs } = this.#deps;
    const { task } = this.#mustHaveTicket();
    if (world.strikes('dropout', 0.3)) {
      this.#note('will never answer');
      return;
    }
    const windowMs = Math.max(0, this.#giveUpAtMs - world.nowMs);
    const isStraggler = world.strikes('straggler', 0.4);
    const ordinaryMs = Math.min(chance.between(trainingMs.from, trainingMs.to), windowMs * 0.7);
    const tookMs = isStraggler ? world.chance('straggler').between(0.5, 2) * windowMs : ordinaryMs;
    world.scheduler.after(tookMs, () => {
      if (this.#isOver) return;
      if (task === 'evaluate') this.#evaluate();
      else this.#train(model);
    });
  }

  #train(model: Uint8Array | null): void {
    const { world, chance, train } = this.#deps;
    const update = train({
      client: this.#worker.index,
      round: this.#mustHaveTicket().round,
      // Decoded only for trainers that look at it.
      get model() {
        return model && decodeSafetensors(model).tensors;
      },
      random: chance,
    });
    this.#deliver(payloadOf(update, world));
  }

  #evaluate(): void {
    const { network, world, chance, oracle } = this.#deps;
    const { run, round } = this.#mustHaveTicket();
    const { name: who, clientId, clientToken } = this.#worker;
    if (world.strikes('malformed', 0.3)) {
      this.#note('cannot evaluate', { round });
      this.#end('sitOut');
      return;
    }
    const send = (result: SentResult, settle: (answer: Answer<Receipt>) => void) => {
      oracle.evaluations.sent(run, clientId, result);
      const act = async (live: LiveServer) => {
        mustBe(live, clientId, clientToken);
        const receipt = await live.handle.reportEvaluation(clientId, result);
        if (!live.isDead) oracle.evaluations.acknowledged(run, receipt);
        return receipt;
      };
      network.call({ who, what: 'evaluation', act, settle });
    };
    const result = randomResult(round, chance, world);
    if (world.strikes('repetition', 0.3)) {
      const isSame = world.chance('repetition').below(2) === 0;
      send(isSame ? result : randomResult(round, chance, world), () => undefined);
    }
    this.#insist<Receipt>(
      (settle) => send(result, settle),
      (answer) => {
        if (answer.kind === 'ok') {
          this.#note('has the receipt of its result', { round });
          return this.#end('over');
        }
        this.#note('is refused', answer);
        const code = answer.kind === 'refused' ? answer.code : null;
        if (code === 'CLIENT_UNKNOWN') return this.#end('forgotten');
        const isDefinite = code === 'EVALUATION_DISCARDED' || code === 'EVALUATION_CONFLICT';
        this.#end(isDefinite ? 'over' : 'sitOut');
      },
    );
  }

  #deliver(payload: Payload): void {
    const { network, world, chance, train, oracle } = this.#deps;
    const { run, round, trainingToken } = this.#mustHaveTicket();
    const { clientId, name: who, index } = this.#worker;
    const send = (sent: Payload, token: string, forRound: number, settle: (answer: Answer<Receipt>) => void) => {
      const { bytes } = sent;
      oracle.sent({ run, round: forRound, clientId, payload: sent });
      const contentLength = chance.happens(0.1) ? null : bytes.byteLength;
      const request = { round: forRound, clientId, trainingToken: token, contentLength };
      network.upload({
        who,
        request,
        bytes,
        accepted: (receipt) => oracle.acknowledged(run, receipt),
        settle,
      });
    };
    const again = () => payloadOf(train({ client: index, round, model: null, random: chance }), world);
    if (world.strikes('impostor', 0.3)) {
      const isWrongRound = world.chance('impostor').below(2) === 0;
      const unsound = { ...again(), isSound: false };
      if (isWrongRound) send(unsound, trainingToken, round + 1, () => undefined);
      else send(unsound, 'no-such-token', round, () => undefined);
    }
    if (world.strikes('repetition', 0.3)) {
      const isSame = world.chance('repetition').below(2) === 0;
      send(isSame ? payload : again(), trainingToken, round, () => undefined);
    }
    this.#note('uploads', { round, bytes: payload.bytes.byteLength });
    this.#insist<Receipt>(
      (settle) => send(payload, this.#mustHaveTicket().trainingToken, round, settle),
      (answer) => {
        if (answer.kind === 'ok') {
          this.#note('has its receipt', { round });
          return this.#end('over');
        }
        if (this.#isTokenUnknown(answer)) return this.#renew(() => this.#deliver(payload));
        this.#note('is refused', answer);
        const isDefinite =
          answer.kind === 'refused' &&
          ['UPDATE_DISCARDED', 'UPDATE_CONFLICT', 'UPLOAD_ATTEMPTS_EXHAUSTED'].includes(answer.code);
        this.#end(isDefinite ? 'over' : 'sitOut');
      },
    );
  }

  #isTokenUnknown(answer: Answer<unknown>): boolean {
    return answer.kind === 'refused' && answer.code === 'TRAINING_TOKEN_INVALID' && this.#renewals < renewalsMax;
  }

  /** The same ticket again: an aggregator that restarted may not know its token. */
  #renew(go: () => void): void {
    const { run, round, modelVersion } = this.#mustHaveTicket();
    this.#renewals += 1;
    this.#start((ticket) => {
      if (ticket.run !== run || ticket.round !== round || ticket.modelVersion !== modelVersion)
        return this.#end('over');
      this.#ticket = ticket;
      go();
    }, 0);
  }

  #mustHaveTicket(): TrainingTicket {
    if (!this.#ticket) throw new Error('The client has no ticket');
    return this.#ticket;
  }
}

/** As the HTTP layer does it before it asks the handle. */
export function mustBe({ handle }: LiveServer, clientId: string, clientToken: string): void {
  if (!handle.authenticate(clientId, clientToken)) throw new Error('A token that was given out is refused');
}

import type { Credential, Recovered, RoundOrder, ServiceAnswer } from '../domain/aggregation.ts';
import { readBackMsMax } from '../machines/aggregator.machine.ts';
import { GivenTokens } from './given-tokens.ts';
import type { ServiceCalls } from './service-calls.ts';

export interface GivenRoundDeps {
  calls: ServiceCalls;
  /** What was accepted in it, in order, as far as it is staged; null when nothing was. */
  contributions: () => Recovered['contributions'] | null;
  /** It is given up: a new life of the service cannot have back what was accepted. */
  lost: (detail: string) => void;
}

/** Longest wait for a round to be opened, ms: updates on their way to the disk come first. Reading back comes on top. */
const openMsMax = 20_000;
/** Losses of the service while it takes up a round; then it comes up without that round, which may be what kills it. */
const resumptionsMax = 3;

/** The round that the service has open, and all that a new life of it must be given back to go on with it. */
export class GivenRound {
  readonly tokens = new GivenTokens();
  readonly #deps: GivenRoundDeps;
  #order: RoundOrder | null = null;
  #payloadBytesMax = 0;
  /** Lives of the service that have ended while they took it up. */
  #resumptionsFailed = 0;

  constructor(deps: GivenRoundDeps) {
    this.#deps = deps;
  }

  get isOpen(): boolean {
    return this.#order !== null;
  }

  /** All that would have to be read back now. */
  get bytesToRead(): number {
    return this.#order ? bytesOf(this.#deps.contributions() ?? []) : 0;
  }

  /** @param recovered what the attempt has already, when it was open before */
  async open(order: RoundOrder, recovered: Recovered | null): Promise<ServiceAnswer<null>> {
    this.over();
    this.#order = order;
    this.#payloadBytesMax = order.payloadBytesMax;
    for (const credential of recovered?.credentials ?? []) this.tokens.give(credential);
    const answer = await this.#open(order, recovered);
    if (answer.kind === 'refused' && this.#order === order) this.over();
    return answer;
  }

  /**
   * Gives a round that is open to a new life of the service, with all it had accepted, or gives it up; and then the tokens
   * of those that are over. @throws when that life is lost over it
   */
  async giveBack(): Promise<void> {
    if (this.#order) await this.#giveBack(this.#order);
    await this.#deps.calls.must((service) => service.recall(this.tokens.past, this.#payloadBytesMax));
  }

  /** Tokens that an earlier process gave out for rounds that are over. */
  recallPast(credentials: readonly Credential[], payloadBytesMax: number): void {
    this.tokens.recall(credentials);
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** From now on no life of the service is given it. */
  over(): void {
    this.#order = null;
    this.#resumptionsFailed = 0;
    this.tokens.roundOver();
  }

  async #giveBack(order: RoundOrder): Promise<void> {
    if (this.#resumptionsFailed >= resumptionsMax) {
      this.#giveUp(`The aggregator was lost ${resumptionsMax} times while it took up the round`);
      return;
    }
    this.#resumptionsFailed += 1;
    const contributions = this.#deps.contributions() ?? [];
    const answer = await this.#open(order, { credentials: this.tokens.open, contributions });
    if (answer.kind === 'refused' && answer.code === 'AGGREGATOR_UNAVAILABLE') throw new Error(answer.detail);
    this.#resumptionsFailed = 0;
    // It may have been abandoned meanwhile.
    if (answer.kind === 'refused' && this.#order === order) this.#giveUp(answer.detail);
  }

  #giveUp(detail: string): void {
    this.over();
    this.#deps.lost(detail);
  }

  async #open(order: RoundOrder, recovered: Recovered | null): Promise<ServiceAnswer<null>> {
    const { calls } = this.#deps;
    const msMax = openMsMax + readBackMsMax(bytesOf(recovered?.contributions ?? []));
    const answer = await calls.ask((service) => service.openRound(order, recovered), msMax);
    if (answer.kind === 'refused') return answer;
    // Who was taken out while updates were read back was let in again by it.
    const gone = (recovered?.credentials ?? []).filter(({ clientId }) => !this.tokens.isOpen(clientId));
    for (const { clientId } of gone) void calls.ask((service) => service.revoke(clientId));
    return answer;
  }
}

/** All that is to be read back, together. */
export const bytesOf = (contributions: Recovered['contributions']): number =>
  contributions.reduce((total, { staged }) => total + staged.bytes, 0);

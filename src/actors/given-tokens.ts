import type { Credential } from '../domain/aggregation.ts';

/** Tokens of rounds that are over, kept at least so many; the oldest go first. */
const pastTokensMax = 100_000;

/**
 * Every training token given out, for a new life of the service: with those of the open round its clients go on, also
 * those whose update was accepted, and with the others a client that comes late is told so, not turned away as a
 * stranger.
 */
export class GivenTokens {
  /** By client. */
  readonly #open = new Map<string, Credential>();
  #past: Credential[] = [];

  get open(): readonly Credential[] {
    return [...this.#open.values()];
  }

  /** A round that is opened again has its tokens back. */
  get past(): readonly Credential[] {
    const open = new Set(this.open.map(({ trainingToken }) => trainingToken));
    return this.#past.filter(({ trainingToken }) => !open.has(trainingToken));
  }

  isOpen(clientId: string): boolean {
    return this.#open.has(clientId);
  }

  /** A second time changes nothing. */
  give(credential: Credential): void {
    this.#open.set(credential.clientId, credential);
  }

  /** The client is out of the open round. */
  revoke(clientId: string): void {
    const credential = this.#open.get(clientId);
    if (!credential) return;
    this.#open.delete(clientId);
    this.#past.push(credential);
  }

  /** Given out for rounds that are over, by an earlier process. */
  recall(credentials: readonly Credential[]): void {
    this.#past = this.#past.concat(credentials);
    if (this.#past.length > 2 * pastTokensMax) this.#past = this.#past.slice(-pastTokensMax);
  }

  roundOver(): void {
    this.recall(this.open);
    this.#open.clear();
  }
}

import type { Credential } from '../domain/aggregation.ts';

/** Tokens of rounds that are over, kept at least so many; the oldest go first. */
const pastTokensMax = 100_000;

/**
 * Every training token given out, for a new life of the service: with those of the open round its clients go on, and with
 * the others a client that comes late is told so, not turned away as a stranger.
 */
export class GivenTokens {
  /** By client. */
  readonly #open = new Map<string, Credential>();
  #past: Credential[] = [];

  get open(): readonly Credential[] {
    return [...this.#open.values()];
  }

  get past(): readonly Credential[] {
    return this.#past;
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

  roundOver(): void {
    this.#past = this.#past.concat(this.open);
    this.#open.clear();
    if (this.#past.length > 2 * pastTokensMax) this.#past = this.#past.slice(-pastTokensMax);
  }
}

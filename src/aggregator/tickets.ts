import { createHash } from 'node:crypto';
import type { Credential } from '../domain/aggregation.ts';
import { ChorusError } from '../domain/errors.ts';
import type { UpdatePlace } from '../domain/facts.ts';
import type { ClientTransfers, Receipt, TransferMarks } from '../domain/handle.ts';

/** One client's right to take part in one attempt at a round. */
export interface Ticket {
  readonly clientId: string;
  readonly round: number;
  readonly attempt: number;
  readonly payloadBytesMax: number;
  /**
   * open: may upload · settling: an update passed its checks, is staged, and the coordinator is asked · accepted: it
   * counts · closed: no update of this client is wanted any more.
   */
  state: 'open' | 'settling' | 'accepted' | 'closed';
  receipt: Receipt | null;
  /** The update staged last, whether it counts or not. */
  staged: { sha256: string; place: UpdatePlace } | null;
  refusals: number;
  downloads: number;
  /** When its client first downloaded, and last began to upload. */
  readonly marks: TransferMarks;
  /** Ends the uploads under way. */
  readonly uploads: Set<{ revoke(reason: ChorusError): void }>;
  /** Settles when the state is no longer `settling`. */
  settled: Promise<void>;
}

/** Clients that are told of when they did not report. */
const transfersMax = 1_000;

/** Closed tickets remembered, so that a late client hears why; the oldest go first. */
export const closedTicketsMax = 100_000;

/**
 * Tickets by the digest of their token: finding one takes the same time whatever part of a guess is right, and the
 * tokens themselves are not kept.
 */
export class Tickets {
  readonly #byDigest = new Map<string, Ticket>();
  readonly #byClient = new Map<string, string>();
  readonly #closed: string[] = [];

  /** Admits a client; a second time changes nothing, unless it was let in again after it was out. */
  admit(credential: Credential, payloadBytesMax: number): void {
    const digest = digestOf(credential.trainingToken);
    const known = this.#byDigest.get(digest);
    if (known && !(credential.isReadmitted && known.state === 'closed')) return;
    this.#open(digest, ticketOf(credential, payloadBytesMax, 'open'));
  }

  /**
   * Admits a client to an attempt that is opened again, whatever became of its ticket before.
   * @param receipt of the update of it that was accepted, if one was
   */
  readmit(credential: Credential, payloadBytesMax: number, receipt: Receipt | null): void {
    const ticket = ticketOf(credential, payloadBytesMax, receipt ? 'accepted' : 'open');
    this.#open(digestOf(credential.trainingToken), { ...ticket, receipt });
  }

  #open(digest: string, ticket: Ticket): void {
    this.#byDigest.set(digest, ticket);
    this.#byClient.set(ticket.clientId, digest);
  }

  /** Remembers a token of a round that is over. A client that trains on hears to come back, until a round is open. */
  recall(credential: Credential, payloadBytesMax: number): void {
    const digest = digestOf(credential.trainingToken);
    if (this.#byDigest.has(digest)) return;
    if (credential.goesOn) {
      this.#open(digest, ticketOf(credential, payloadBytesMax, 'open'));
      return;
    }
    this.#byDigest.set(digest, ticketOf(credential, payloadBytesMax, 'closed'));
    this.#closed.push(digest);
  }

  /** @throws TRAINING_TOKEN_INVALID */
  find(trainingToken: string): Ticket {
    const ticket = this.#byDigest.get(digestOf(trainingToken));
    if (!ticket) throw new ChorusError('TRAINING_TOKEN_INVALID');
    return ticket;
  }

  /** The ticket of a client in the open round. */
  of(clientId: string): Ticket | undefined {
    const digest = this.#byClient.get(clientId);
    return digest === undefined ? undefined : this.#byDigest.get(digest);
  }

  /** Closes one client's ticket; what it has accepted stays accepted. */
  close(clientId: string, reason: ChorusError): void {
    const ticket = this.of(clientId);
    if (ticket?.state !== 'open') return;
    ticket.state = 'closed';
    for (const upload of ticket.uploads) upload.revoke(reason);
  }

  /** Uploads under way hear that; their clients may try again, and others' tickets stay as they are. */
  interrupt(reason: ChorusError): void {
    for (const digest of this.#byClient.values()) {
      const ticket = this.#byDigest.get(digest);
      if (ticket?.state === 'open') for (const upload of ticket.uploads) upload.revoke(reason);
    }
  }

  /** How far clients came that did not report; the first 1,000 of them. */
  transfers(): ClientTransfers[] {
    const found: ClientTransfers[] = [];
    for (const digest of this.#byClient.values()) {
      const { clientId, receipt, marks } = this.#byDigest.get(digest) ?? {};
      if (clientId === undefined || receipt || !marks || (marks.downloadedAtMs ?? marks.uploadingAtMs) === null)
        continue;
      found.push({ clientId, ...marks });
      if (found.length === transfersMax) break;
    }
    return found;
  }

  /** The round is over: every ticket is closed. */
  closeAll(reason: ChorusError): void {
    for (const [clientId, digest] of this.#byClient) {
      this.close(clientId, reason);
      this.#closed.push(digest);
    }
    this.#byClient.clear();
    if (this.#closed.length > 2 * closedTicketsMax) {
      for (const digest of this.#closed.splice(0, closedTicketsMax)) this.#byDigest.delete(digest);
    }
  }
}

const ticketOf = (
  { clientId, round, attempt }: Credential,
  payloadBytesMax: number,
  state: Ticket['state'],
): Ticket => ({
  clientId,
  round,
  attempt,
  payloadBytesMax,
  state,
  receipt: null,
  staged: null,
  refusals: 0,
  downloads: 0,
  marks: { downloadedAtMs: null, uploadingAtMs: null },
  uploads: new Set(),
  settled: Promise.resolve(),
});

const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64');

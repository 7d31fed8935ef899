import type { ChorusClient, Status } from '../../src/client/index.ts';

/** When nothing was heard for so long, it is said what the server waits for, ms. */
const quietMs = 10_000;

/** Says why nothing happens, in the server's words, and each reason once while it lasts. */
export class WaitingNotes {
  readonly #client: ChorusClient;
  readonly #report: (line: string) => void;
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #said = '';
  #isStopped = false;

  constructor(client: ChorusClient, report: (line: string) => void, signal: AbortSignal) {
    this.#client = client;
    this.#report = report;
    this.#signal = signal;
    this.#arm();
  }

  /** Something happened, so nobody wonders for a while. */
  noteNews(): void {
    this.#said = '';
    this.#arm();
  }

  /** Says at once when the server wants more clients than there are. */
  async checkPopulation(clients: number): Promise<void> {
    const status = await this.#status();
    const isGathering = status?.phase === 'gathering' || status?.phase === 'selecting';
    const need = status?.waitingFor.guard?.need ?? 0;
    if (!isGathering || status.population >= need) return;
    this.#report(
      `The server wants ${need} clients, and ${clients} were started here; start more, or lower its minClients.`,
    );
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#say(), quietMs);
  }

  async #say(): Promise<void> {
    const status = await this.#status();
    if (this.#isStopped || this.#signal.aborted) return;
    const summary = status ? status.waitingFor.summary : 'The server does not answer; the clients keep trying.';
    if (summary !== this.#said) this.#report(`Waiting: ${summary}`);
    this.#said = summary;
    this.#arm();
  }

  #status(): Promise<Status | null> {
    return this.#client.status({ signal: this.#signal }).catch(() => null);
  }
}

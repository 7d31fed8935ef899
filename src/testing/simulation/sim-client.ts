import type { Heartbeat, Registration } from '../../domain/handle.ts';
import type { Answer } from './answers.ts';
import { Assignment, type AssignmentDeps, type AssignmentEnd, mustBe } from './assignment.ts';
import { retryDelayMs } from './backoff.ts';
import { profileOf } from './groups.ts';
import type { LiveServer } from './server.ts';

/** How long a client that holds its heartbeats asks the server to hold them, ms. */
export const holdMsMax = 20_000;

export interface SimClientDeps extends AssignmentDeps {
  /** Whether its heartbeats are held until there is news. */
  holdsHeartbeats: boolean;
  /** Whether it says that it can evaluate. */
  evaluates: boolean;
  watcher: {
    /** The client holds a registration. */
    registered(clientId: string, clientToken: string): void;
    /** It will not be heard of under this id again. */
    gone(clientId: string): void;
    /** A message of it has come to the server. */
    heard(clientId: string): void;
  };
}

/**
 * A client that behaves like the client package, as a machine of callbacks: it registers, sends heartbeats, and works on
 * the rounds it is selected for. Whatever it waits for under an earlier epoch is forgotten.
 */
export class SimClient {
  readonly name: string;
  readonly index: number;
  readonly #deps: SimClientDeps;
  #identity: Registration | null = null;
  #epoch = 0;
  #assignment: Assignment | null = null;
  #beats = 0;
  /** Answers to heartbeats up to this number speak of a selection that was taken up already. */
  #heedAfter = 0;
  #latest: Heartbeat | null = null;
  #isAway = true;

  constructor(index: number, deps: SimClientDeps) {
    this.index = index;
    this.name = `client ${index}`;
    this.#deps = deps;
  }

  get clientId(): string | null {
    return this.#identity?.clientId ?? null;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  come(): void {
    this.#isAway = false;
    this.#register(undefined, 0);
  }

  /** Gone without a word. @param keepsId whether it returns with the id it has. */
  crash(keepsId: boolean): void {
    this.#note('crashes');
    const had = this.#identity;
    this.#forget();
    this.#isAway = true;
    if (keepsId) this.#identity = had;
    else if (had) this.#deps.watcher.gone(had.clientId);
  }

  comeBack(): void {
    this.#note('returns');
    this.#isAway = false;
    this.#register(this.#identity?.clientId, 0);
  }

  /** Leaves, and says so. */
  leave(): void {
    const { network } = this.#deps;
    const had = this.#identity;
    this.#note('leaves');
    this.#forget();
    this.#isAway = true;
    if (!had) return;
    this.#deps.watcher.gone(had.clientId);
    network.call({
      who: this.name,
      what: 'leaving',
      act: (live) => {
        mustBe(live, had.clientId, had.clientToken);
        live.handle.leave(had.clientId);
      },
      settle: () => undefined,
    });
  }

  #note(what: string, about?: unknown): void {
    this.#deps.world.note(this.name, what, about);
  }

  #forget(): void {
    this.#epoch += 1;
    this.#identity = null;
    this.#assignment?.drop();
    this.#assignment = null;
    this.#latest = null;
  }

  /** Calls back only as long as nothing has begun anew meanwhile. */
  #inThisEpoch<T>(settle: (value: T) => void): (value: T) => void {
    const epoch = this.#epoch;
    return (value) => {
      if (epoch === this.#epoch) settle(value);
    };
  }

  #later(delayMs: number, act: () => void): void {
    const inThisEpoch = this.#inThisEpoch<void>(act);
    this.#deps.world.scheduler.after(delayMs, () => inThisEpoch());
  }

  #register(clientId: string | undefined, failures: number): void {
    this.#deps.network.call<Registration>({
      who: this.name,
      what: 'registration',
      act: ({ handle }) => {
        const registration = handle.rendezvous({
          ...(clientId === undefined ? profileOf(this.index) : { clientId }),
          evaluates: this.#deps.evaluates,
        });
        this.#deps.watcher.heard(registration.clientId);
        return registration;
      },
      settle: this.#inThisEpoch((answer) => {
        if (answer.kind === 'ok') return this.#enter(answer.value);
        if (answer.kind === 'refused' && answer.code === 'CLIENT_UNKNOWN') {
          if (clientId !== undefined) this.#deps.watcher.gone(clientId);
          return this.#register(undefined, 0);
        }
        this.#later(retryDelayMs(answer, failures, this.#deps.chance), () => this.#register(clientId, failures + 1));
      }),
    });
  }

  #enter(registration: Registration): void {
    this.#identity = registration;
    this.#note('is registered', registration.clientId);
    this.#deps.watcher.registered(registration.clientId, registration.clientToken);
    // Whatever the server held for it before, it is in no round now.
    this.#heedAfter = this.#beats;
    this.#beat(0);
  }

  #beat(failures: number): void {
    const { network, holdsHeartbeats } = this.#deps;
    const { clientId, clientToken } = this.#mustBeRegistered();
    this.#beats += 1;
    const number = this.#beats;
    const { state = 'standby', round = 0 } = this.#latest ?? {};
    const known = this.#assignment
      ? { state: 'training' as const, round: this.#assignment.round ?? round }
      : { state, round };
    const act = (live: LiveServer): Heartbeat | Promise<Heartbeat> => {
      mustBe(live, clientId, clientToken);
      this.#deps.watcher.heard(clientId);
      return holdsHeartbeats
        ? live.handle.waitHeartbeat(clientId, { waitMs: holdMsMax, known })
        : live.handle.heartbeat(clientId);
    };
    network.call<Heartbeat>({
      who: this.name,
      what: 'heartbeat',
      act,
      heldMsMax: holdsHeartbeats ? holdMsMax : 0,
      settle: this.#inThisEpoch((answer) => this.#hear(answer, number, failures)),
    });
  }

  #hear(answer: Answer<Heartbeat>, number: number, failures: number): void {
    const { chance, holdsHeartbeats } = this.#deps;
    if (answer.kind === 'refused' && answer.code === 'CLIENT_UNKNOWN') {
      this.#rejoin();
      return;
    }
    if (answer.kind !== 'ok') {
      this.#later(retryDelayMs(answer, failures, chance), () => this.#beat(failures + 1));
      return;
    }
    const beat = answer.value;
    const isNews = beat.state !== this.#latest?.state || beat.round !== this.#latest.round;
    this.#latest = beat;
    this.#heed(beat, number);
    this.#later(holdsHeartbeats && isNews ? 1 : beat.retryAfterMs, () => this.#beat(0));
  }

  #heed({ state, round }: Heartbeat, number: number): void {
    if (number <= this.#heedAfter) return;
    const isWanted = state === 'selected' || state === 'training';
    const assignment = this.#assignment;
    if (assignment) {
      // It has its ticket, and the server has gone on without it.
      const isElsewhere = assignment.round !== null && (!isWanted || round !== assignment.round);
      if (!isElsewhere) return;
      this.#note('is not wanted any more', { round: assignment.round });
      assignment.drop();
      this.#assignment = null;
    }
    if (isWanted) this.#work();
  }

  #work(): void {
    const { clientId, clientToken } = this.#mustBeRegistered();
    const { name, index } = this;
    const assignment = new Assignment(this.#deps, { name, index, clientId, clientToken }, (end) => {
      if (this.#assignment === assignment) this.#endWork(end);
    });
    this.#assignment = assignment;
  }

  #endWork(end: AssignmentEnd): void {
    this.#assignment = null;
    this.#heedAfter = this.#beats;
    if (end === 'forgotten') this.#rejoin();
    // The server still waits for this client: registering again tells it not to.
    if (end === 'sitOut') {
      const had = this.#identity?.clientId;
      this.#epoch += 1;
      this.#register(had, 0);
    }
  }

  /** The server does not know it: it begins anew, as another client. */
  #rejoin(): void {
    this.#note('is not known any more');
    const had = this.#identity?.clientId;
    this.#forget();
    if (had !== undefined) this.#deps.watcher.gone(had);
    this.#register(undefined, 0);
  }

  #mustBeRegistered(): Registration {
    if (!this.#identity) throw new Error('The client is not registered');
    return this.#identity;
  }
}

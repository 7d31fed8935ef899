import type { CoordinatorHandle } from '../../domain/handle.ts';
import type { CrashKind } from './disk.ts';
import type { World } from './world.ts';

/** How a process ended. */
export interface Crash {
  readonly kind: CrashKind;
  readonly atMs: number;
  /** Facts may have waited for the disk. */
  readonly diskWasInTrouble: boolean;
}

export interface PresenceOptions {
  heartbeatTimeoutMs: number;
  /** Longest a client may hold a heartbeat, and count as present meanwhile, ms. */
  holdMsMax: number;
}

/** Over and above the heartbeat timeout, until a client that fell silent is lost: by the sweeps, and by pauses, ms. */
const sweepMsMax = 5_000;

/** Who holds a registration, and was heard of when: they stay known over a restart, and the silent are lost. */
export class Presence {
  readonly #world: World;
  readonly #options: PresenceOptions;
  /** Clients that hold a registration, with their tokens. */
  readonly #tokens = new Map<string, string>();
  /** When the server last heard of a client, simulated ms. */
  readonly #heardAtMs = new Map<string, number>();
  /** Since when nothing has happened that excuses a silence: a start, or a step of the clock. */
  #steadySinceMs = 0;

  constructor(world: World, options: PresenceOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** A client holds a registration. */
  registered(clientId: string, clientToken: string): void {
    this.#tokens.set(clientId, clientToken);
  }

  /** A client will not be heard of under this id any more, or was told that the server does not know it. */
  gone(clientId: string): void {
    this.#tokens.delete(clientId);
  }

  /** A message of a client has come to the server. */
  heard(clientId: string): void {
    this.#heardAtMs.set(clientId, this.#world.nowMs);
  }

  /** The wall clock was set, or the process has come up. */
  disturbed(): void {
    this.#steadySinceMs = this.#world.nowMs;
  }

  /** Who was there when the process was killed is known to the next one, by the same token. */
  checkIdentities(handle: CoordinatorHandle, { kind, atMs, diskWasInTrouble }: Crash): void {
    const { heartbeatTimeoutMs } = this.#options;
    const mayBeLost = kind === 'power' || diskWasInTrouble || atMs - this.#steadySinceMs <= heartbeatTimeoutMs;
    for (const [clientId, token] of this.#tokens) {
      if (isKnown(handle, clientId, token)) continue;
      this.#tokens.delete(clientId);
      const silentMs = atMs - (this.#heardAtMs.get(clientId) ?? Number.NEGATIVE_INFINITY);
      if (mayBeLost || silentMs >= heartbeatTimeoutMs) continue;
      this.#world.violate({
        invariant: 'identity stays',
        sentence: `client ${clientId} was heard of ${Math.round(silentMs)} ms before the crash, and is not known after it`,
      });
    }
  }

  /** Who fell silent is lost after the timeout, whatever the clock says. */
  checkHeard(clientId: string, state: string): void {
    const { heartbeatTimeoutMs, holdMsMax } = this.#options;
    const silentMsMax = 2 * heartbeatTimeoutMs + holdMsMax + sweepMsMax;
    const sinceMs = Math.max(this.#heardAtMs.get(clientId) ?? 0, this.#steadySinceMs);
    if (this.#world.nowMs - sinceMs <= silentMsMax) return;
    this.#world.violate({
      invariant: 'the silent are lost',
      sentence: `client ${clientId} is ${state}, and was not heard of for more than ${silentMsMax} ms`,
    });
  }
}

function isKnown(handle: CoordinatorHandle, clientId: string, token: string): boolean {
  try {
    return handle.authenticate(clientId, token);
  } catch {
    return false;
  }
}

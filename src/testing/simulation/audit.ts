import type { Presence } from './presence.ts';
import type { LiveServer } from './server.ts';
import type { Invariant } from './violation.ts';
import type { World } from './world.ts';

/** Phases that wait for people, for as long as it takes. */
const restingPhases: ReadonlySet<string> = new Set(['idle', 'gathering', 'paused', 'finished', 'stopped', 'draining']);

export interface AuditOptions {
  world: World;
  presence: Presence;
  /** Most that may be staged, bytes. */
  stagedBytesMax: number;
}

/** Looks at all that can be seen of a server from outside, and is in no event. */
export function audit(live: LiveServer, { world, presence, stagedBytesMax }: AuditOptions): void {
  const fail = (invariant: Invariant, sentence: string) => world.violate({ invariant, sentence });
  const { handle, core } = live;
  const { counts, population, contributions, waitingFor } = handle.status();
  if (waitingFor.deadlineAtMs === null && !restingPhases.has(waitingFor.phase)) {
    fail('rounds end', `phase ${waitingFor.phase} has no deadline: ${waitingFor.summary}`);
  }
  const [newest] = handle.rounds(1);
  if (newest?.endedAtMs === null && restingPhases.has(waitingFor.phase)) {
    fail(
      'rounds end',
      `attempt ${newest.attempt} at round ${newest.round} is open, and the run is ${waitingFor.phase}`,
    );
  }
  const recount = countClients(live, presence);
  let present = 0;
  for (const [state, count] of Object.entries(counts)) {
    if (count !== (recount[state] ?? 0)) {
      fail('counts agree', `${count} clients are counted as ${state}, and ${recount[state] ?? 0} are`);
    }
    if (state !== 'doneAndInactive') present += count;
  }
  if (present !== population) fail('counts agree', `the population is ${population}, and ${present} are there`);
  if (counts.done + counts.doneAndInactive > contributions) {
    const done = counts.done + counts.doneAndInactive;
    fail('counted once', `${done} clients are done, with ${contributions} contributions`);
  }
  const { stagedBytes } = core.gate?.stats() ?? { stagedBytes: 0 };
  if (stagedBytes > stagedBytesMax) {
    fail('memory is bounded', `${stagedBytes} bytes are staged of at most ${stagedBytesMax}`);
  }
  for (const { what, dueAtMs } of live.openCalls) {
    if (world.nowMs > dueAtMs) fail('answers come', `${what} should have been answered by now`);
  }
}

/** Counts the clients one by one, by state; those who are there must have been heard of. */
function countClients({ handle }: LiveServer, presence: Presence): Record<string, number> {
  const recount: Record<string, number> = {};
  let cursor: string | undefined;
  do {
    const page = handle.clients({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    for (const { clientId, state } of page.clients) {
      recount[state] = (recount[state] ?? 0) + 1;
      if (state !== 'doneAndInactive') presence.checkHeard(clientId, state);
    }
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return recount;
}

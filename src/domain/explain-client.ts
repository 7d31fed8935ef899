import type { ClientState } from './client.ts';
import { clockTime } from './words.ts';

export interface ClientSituation {
  state: Exclude<ClientState, 'unknown'>;
  /** When the phase of the open round ends at the latest, Unix ms; null: no round is open. */
  phaseEndsAtMs: number | null;
  /** When it is given up if it stays silent, Unix ms. */
  silentUntilMs: number;
}

/** What is awaited of one client, or what it waits for, and until when. */
export function explainClient({ state, phaseEndsAtMs, silentUntilMs }: ClientSituation): string {
  const phaseEnd = phaseEndsAtMs === null ? '' : `, by ${clockTime(phaseEndsAtMs)}`;
  const phaseOver = phaseEndsAtMs === null ? '' : `; the phase ends by ${clockTime(phaseEndsAtMs)}`;
  const ifSilent = `; forgotten at ${clockTime(silentUntilMs)} if it is not heard of`;
  switch (state) {
    case 'waiting':
      return `Waits to be selected${ifSilent}.`;
    case 'selected':
      return `Selected; it has to start and report${phaseEnd}${ifSilent}.`;
    case 'training':
      return `At work; it has to report${phaseEnd}${ifSilent}.`;
    case 'done':
      return `Its contribution is in; it waits for the round to end${phaseOver}.`;
    case 'doneAndInactive':
      return `Gone, and its contribution is in; forgotten when the round ends${phaseOver}.`;
    case 'ignored':
      return `Out of this round; it waits for the round to end${phaseOver}${ifSilent}.`;
  }
}

import { useEffect, useState } from 'preact/hooks';
import type { InspectSnapshot } from '../../../../src/inspect/feed.ts';
import { api } from '../../api/api.ts';
import { sentenceOf } from '../../api/problem.ts';
import { adminToken } from '../../api/token.ts';
import { moment, shownStatus } from '../../state/moment.ts';
import { activeByStatus } from './active.ts';
import { snapshots } from './machines.ts';

/** So often a client that is looked at is asked for, ms. */
const clientPollMs = 1_500;

export interface Active {
  /** Outermost first; none: the machine is not there. */
  states: readonly string[];
  /** It has come to its end: nothing is decided any more. */
  isOver: boolean;
  /** null: only its states are known. */
  snapshot: InspectSnapshot | null;
  problem: string | null;
}

const nothing: Active = { states: [], isOver: false, snapshot: null, problem: null };

/** What of the machine is active: as it tells itself, or else as the status has it. */
export function useActive(machine: string, isLive: boolean, clientId: string): Active {
  const client = useClient(machine === 'client' && adminToken.value !== '' ? clientId : '');
  if (machine === 'client') return client;
  const status = shownStatus.value;
  const snapshot = isLive && !moment.value ? (snapshots.value.get(machine) ?? null) : null;
  const isOver = snapshot !== null && snapshot.status !== 'active';
  const states = snapshot?.active ?? (status ? activeByStatus(machine, status) : []);
  return { states, isOver, snapshot: isOver ? null : snapshot, problem: null };
}

function useClient(clientId: string): Active {
  const [state, setState] = useState<Active>(nothing);
  useEffect(() => {
    setState(nothing);
    if (clientId === '') return;
    const aborter = new AbortController();
    const read = async () => {
      if (document.hidden) return;
      try {
        const client = await api.client(clientId, aborter.signal);
        setState({ ...nothing, states: ['client', `client.${client.state}`] });
      } catch (error) {
        if (!aborter.signal.aborted) {
          setState({ ...nothing, states: ['client', 'client.unknown'], problem: sentenceOf(error) });
        }
      }
    };
    void read();
    const timer = setInterval(() => void read(), clientPollMs);
    return () => {
      clearInterval(timer);
      aborter.abort();
    };
  }, [clientId]);
  return state;
}

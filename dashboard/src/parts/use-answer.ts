import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from '../api/problem.ts';

export interface Asked<T> {
  /** null: not there yet, or refused. */
  answer: T | null;
  /** What went wrong, in a sentence. */
  problem: string | null;
  isPending: boolean;
}

/**
 * Asks the server, and again when `key` changes; an answer that comes too late is dropped. What was there stays until
 * the next is here, so that nothing jumps.
 * @param everyMs so long after each answer it is asked again, while the tab is shown; 0: it is not.
 */
export function useAnswer<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, everyMs = 0): Asked<T> {
  const [state, setState] = useState<{ key: string; answer: T | null; problem: string | null }>({
    key: '',
    answer: null,
    problem: null,
  });
  // Asked by key, not by the function's identity.
  useEffect(() => {
    const aborter = new AbortController();
    let timer = 0;
    const askOnce = async (): Promise<void> => {
      try {
        if (!document.hidden || everyMs === 0) {
          const answer = await ask(aborter.signal);
          setState({ key, answer, problem: null });
        }
      } catch (error) {
        if (!aborter.signal.aborted) setState({ key, answer: null, problem: sentenceOf(error) });
      }
      if (everyMs > 0 && !aborter.signal.aborted) timer = window.setTimeout(() => void askOnce(), everyMs);
    };
    void askOnce();
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [key, everyMs]);
  return { answer: state.answer, problem: state.problem, isPending: state.key !== key };
}

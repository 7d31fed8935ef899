import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from '../api/problem.ts';

export interface Asked<T> {
  /** null: not there yet, or refused. */
  answer: T | null;
  /** What went wrong, in a sentence. */
  problem: string | null;
  isPending: boolean;
  again: () => void;
}

/**
 * Asks the server, and again when `key` changes; an answer that comes too late is dropped. What was there stays until
 * the next is here, so that nothing jumps.
 */
export function useAnswer<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Asked<T> {
  const [times, setTimes] = useState(0);
  const [state, setState] = useState<{ key: string; answer: T | null; problem: string | null }>({
    key: '',
    answer: null,
    problem: null,
  });
  // Asked by key, not by the function's identity.
  useEffect(() => {
    const aborter = new AbortController();
    ask(aborter.signal)
      .then((answer) => setState({ key, answer, problem: null }))
      .catch((error: unknown) => {
        if (!aborter.signal.aborted) setState({ key, answer: null, problem: sentenceOf(error) });
      });
    return () => aborter.abort();
  }, [key, times]);
  return {
    answer: state.answer,
    problem: state.problem,
    isPending: state.key !== key,
    again: () => setTimes((before) => before + 1),
  };
}

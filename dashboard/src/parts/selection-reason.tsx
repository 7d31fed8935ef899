import { api } from '../api/api.ts';
import { count } from '../words/numbers.ts';
import { useAnswer } from './use-answer.ts';

interface SelectionReasonProps {
  /** Of the present run. */
  round: number;
  clientId: string;
  /** Asked again when it changes. */
  version: string;
}

/** Why a client was selected for a round of the present run, or was not. For operators. */
export function SelectionReason({ round, clientId, version }: SelectionReasonProps) {
  const { answer, problem } = useAnswer(`${round} ${clientId} ${version}`, (signal) =>
    api.selection(round, clientId, signal),
  );
  const said = problem ?? (answer ? `${answer.sentence}.` : 'asking…');
  return (
    <p class={`selection-reason card ${answer?.chosen ? 'is-chosen' : ''}`} role="status">
      <b>Selection for round {count(round)}</b> {said}
    </p>
  );
}

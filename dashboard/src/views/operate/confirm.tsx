import { useEffect, useRef, useState } from 'preact/hooks';
import { type Operation, operate } from '../../api/operations.ts';
import { sentenceOf } from '../../api/problem.ts';
import { Trouble } from '../../parts/small.tsx';
import type { OperationWords } from './catalogue.ts';
import { TryOut } from './try-out.tsx';

interface ConfirmProps {
  operation: Operation;
  words: OperationWords;
  close: (isDone: boolean) => void;
}

/** Asks once, with what would happen; Escape and Cancel change nothing. */
export function Confirm({ operation, words, close }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await operate(operation, false);
      if (answer) return close(true);
      setProblem('This server cannot do that yet.');
    } catch (error) {
      setProblem(sentenceOf(error));
    }
    setBusy(false);
  };
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={() => close(false)}>
      <h2 id="confirm-title">{words.verb}?</h2>
      <p>{words.about}</p>
      <TryOut operation={operation} />
      {problem && <Trouble>{problem}</Trouble>}
      <div class="row end">
        <button type="button" onClick={() => close(false)}>
          Cancel
        </button>
        <button
          type="button"
          class={words.isGrave ? 'grave' : 'primary'}
          disabled={isBusy}
          onClick={() => void confirm()}
        >
          {words.verb}
        </button>
      </div>
    </dialog>
  );
}

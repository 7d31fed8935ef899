import { type Operation, operate } from '../../api/operations.ts';
import { Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';

/** What would happen if it were done now. Nothing is changed. */
export function TryOut({ operation }: { operation: Operation }) {
  const { answer, problem } = useAnswer(JSON.stringify(operation), async () => ({
    tried: await operate(operation, true),
  }));
  if (problem) return <Trouble>{problem}</Trouble>;
  if (!answer) return <p class="faint">Asking…</p>;
  if (!answer.tried) return <p class="tried faint">This server cannot try operations out.</p>;
  return (
    <div class="tried" role="status">
      <h4>If it were done now</h4>
      <ul>
        {answer.tried.sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </div>
  );
}

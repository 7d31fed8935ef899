import { useState } from 'preact/hooks';
import type { Status } from '../../../../src/domain/handle.ts';
import type { Operation } from '../../api/operations.ts';
import { status } from '../../state/live.ts';
import { catalogue, type OperationWords } from './catalogue.ts';
import { Confirm } from './confirm.tsx';
import { TryOut } from './try-out.tsx';

/** The operations on the run in progress. */
export function RunOperations({ onDone }: { onDone: () => void }) {
  const now = status.value;
  if (!now) return null;
  return (
    <section class="card" aria-labelledby="operations-title">
      <h2 id="operations-title">The run in progress</h2>
      <p class="operate-now">{now.waitingFor.summary}</p>
      <ul class="operations">
        {catalogue.map((words) => (
          <One key={words.operation} words={words} status={now} onDone={onDone} />
        ))}
      </ul>
    </section>
  );
}

type Given = { minutes: string; quorum: string; clientId: string };

/** @returns the operation, or null while what it needs is not given. */
function operationOf({ operation }: OperationWords, { minutes, quorum, clientId }: Given): Operation | null {
  switch (operation) {
    case 'extendDeadline': {
      const byMs = Math.round(Number(minutes) * 60_000);
      return byMs > 0 ? { operation, byMs } : null;
    }
    case 'lowerQuorum':
      return Number.isInteger(Number(quorum)) && Number(quorum) >= 1 ? { operation, quorum: Number(quorum) } : null;
    case 'evict':
    case 'readmit':
      return clientId.trim() === '' ? null : { operation, clientId: clientId.trim() };
    default:
      return { operation };
  }
}

function One({ words, status: now, onDone }: { words: OperationWords; status: Status; onDone: () => void }) {
  const { operation: name, title, short, about, blocked, isGrave } = words;
  const [given, setGiven] = useState<Given>(() => ({
    minutes: '5',
    quorum: String(Math.max(1, (now.quorum ?? 1) - 1)),
    clientId: '',
  }));
  const [tried, setTried] = useState<Operation | null>(null);
  const [asked, setAsked] = useState<Operation | null>(null);
  const why = blocked(now);
  const operation = operationOf(words, given);
  const isBlocked = why !== null || operation === null;
  const set = (key: keyof Given) => (event: InputEvent) => {
    setTried(null);
    setGiven({ ...given, [key]: (event.currentTarget as HTMLInputElement).value });
  };
  return (
    <li class="operation">
      <div>
        <h3>{title}</h3>
        <p class="faint">{why ?? about}</p>
      </div>
      <Params name={name} given={given} set={set} />
      <div class="row">
        <button type="button" disabled={isBlocked} onClick={() => setTried(operation)}>
          What would happen?<span class="sr-only"> {title}</span>
        </button>
        <button
          type="button"
          class={isGrave ? 'grave' : undefined}
          disabled={isBlocked}
          onClick={() => setAsked(operation)}
        >
          {short}…
        </button>
      </div>
      {tried && <TryOut operation={tried} />}
      {asked && (
        <Confirm
          operation={asked}
          words={words}
          close={(isDone) => {
            setAsked(null);
            setTried(null);
            if (isDone) onDone();
          }}
        />
      )}
    </li>
  );
}

function Params(props: { name: string; given: Given; set: (key: keyof Given) => (event: InputEvent) => void }) {
  const { name, given, set } = props;
  if (name === 'extendDeadline') {
    return (
      <label class="param">
        By minutes
        <input type="number" min="0.1" step="0.1" value={given.minutes} onInput={set('minutes')} />
      </label>
    );
  }
  if (name === 'lowerQuorum') {
    return (
      <label class="param">
        To contributions
        <input type="number" min="1" step="1" value={given.quorum} onInput={set('quorum')} />
      </label>
    );
  }
  if (name === 'evict' || name === 'readmit') {
    return (
      <label class="param">
        Client id
        <input
          type="text"
          maxLength={64}
          spellcheck={false}
          autocomplete="off"
          value={given.clientId}
          onInput={set('clientId')}
        />
      </label>
    );
  }
  return <span />;
}

import { useState } from 'preact/hooks';
import { api } from '../../api/api.ts';
import { sentenceOf } from '../../api/problem.ts';
import { Trouble } from '../../parts/small.tsx';
import { status } from '../../state/live.ts';
import { bytes } from '../../words/numbers.ts';

/** Takes in the initial model of a run that waits for it. */
export function UploadModel() {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const now = status.value;
  if (now?.phase !== 'awaitingModel' || now.run === null) return null;
  const { run } = now;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const file = new FormData(event.currentTarget as HTMLFormElement).get('model');
    if (!(file instanceof File)) return;
    setBusy(true);
    setProblem(null);
    try {
      await api.installModel(run, file);
    } catch (error) {
      setProblem(`${file.name}, ${bytes(file.size)}: ${sentenceOf(error)}`);
    }
    setBusy(false);
  };
  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <h2>Initial model</h2>
      <p>The run waits for its initial model, a safetensors file.</p>
      <div class="row">
        <input type="file" name="model" accept=".safetensors" aria-label="Initial model" required />
        <button class="primary" type="submit" disabled={isBusy}>
          {isBusy ? 'Uploading…' : 'Upload'}
        </button>
      </div>
      {problem && <Trouble>{problem}</Trouble>}
    </form>
  );
}

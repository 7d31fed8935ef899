import { useState } from 'preact/hooks';
import { OperatorsOnly } from '../../parts/sign-in.tsx';
import { Empty } from '../../parts/small.tsx';
import { moment } from '../../state/moment.ts';
import { Audit } from './audit.tsx';
import { RunOperations } from './run-operations.tsx';
import { StartRun } from './start-run.tsx';
import { UploadModel } from './upload-model.tsx';

/** What an operator can do. Each thing can be tried out first, asks once, and is written down. */
export default function OperateView() {
  const [done, setDone] = useState(0);
  const onDone = () => setDone((before) => before + 1);
  if (moment.value) {
    return (
      <Empty title="The past cannot be changed">
        <p>Go back to now to operate the run.</p>
      </Empty>
    );
  }
  return (
    <OperatorsOnly why="Starting, pausing and stopping runs is for operators.">
      <div class="operate-view">
        <RunOperations onDone={onDone} />
        <UploadModel />
        <StartRun onDone={onDone} />
        <Audit version={done} />
      </div>
    </OperatorsOnly>
  );
}

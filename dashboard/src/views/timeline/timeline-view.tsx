import { useState } from 'preact/hooks';
import { type HistoryPage, readHistory } from '../../api/history.ts';
import { Empty, Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { Replay } from './replay.tsx';

/** The event log: any past moment can be looked at, on all views. */
export default function TimelineView() {
  const [times, setTimes] = useState(0);
  const { answer, problem } = useAnswer<{ page: HistoryPage | null }>(`newest ${times}`, async (signal) => ({
    page: await readHistory(null, signal),
  }));
  if (problem) return <Trouble>{problem}</Trouble>;
  if (!answer) return <p class="faint loading">Reading the event log…</p>;
  if (!answer.page) {
    return (
      <Empty title="This server keeps no event log to replay">
        <p>
          With an event log, a slider here goes to any past moment, and the Run, Rounds and Statecharts views show how
          things stood then. What happened last is in the Run view all the same.
        </p>
      </Empty>
    );
  }
  if (answer.page.lastSeq === 0) return <Empty title="Nothing has happened yet" />;
  return <Replay key={answer.page.lastSeq} newest={answer.page} readAgain={() => setTimes(times + 1)} />;
}

import { useEffect, useRef, useState } from 'preact/hooks';
import { type HistoryEntry, type HistoryPage, readHistory, readMoment } from '../../api/history.ts';
import { sentenceOf } from '../../api/problem.ts';
import { Trouble } from '../../parts/small.tsx';
import { serverNow } from '../../state/live.ts';
import { moment } from '../../state/moment.ts';
import { hrefOf } from '../../state/route.ts';
import { count, moment as timeText } from '../../words/numbers.ts';
import { phaseWords } from '../../words/sentences.ts';

/** While the slider is dragged, the server is asked no more often than this, ms. */
const calmMs = 120;
/** One entry after another when it plays, ms. */
const playMs = 400;

/** The log with a slider; where it stands, all views follow. */
export function Replay({ newest, readAgain }: { newest: HistoryPage; readAgain: () => void }) {
  const { firstSeq, lastSeq } = newest;
  const [page, setPage] = useState(newest);
  const [seq, setSeq] = useState(moment.value?.entry.seq ?? lastSeq);
  const [isPlaying, setPlaying] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const isFirst = useRef(true);

  useEffect(() => {
    // Nobody has moved it yet: what is shown is now, or the moment chosen before.
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    const aborter = new AbortController();
    const timer = setTimeout(() => {
      lookAt(seq, page, aborter.signal)
        .then(({ page: found, ...rest }) => {
          setPage(found);
          setProblem(null);
          moment.value = rest;
        })
        .catch((error: unknown) => aborter.signal.aborted || setProblem(sentenceOf(error)));
    }, calmMs);
    return () => {
      clearTimeout(timer);
      aborter.abort();
    };
  }, [seq]);

  useEffect(() => {
    if (!isPlaying) return;
    if (seq >= lastSeq) return setPlaying(false);
    const timer = setTimeout(() => setSeq(seq + 1), playMs);
    return () => clearTimeout(timer);
  }, [isPlaying, seq]);

  const go = (to: number) => setSeq(Math.min(lastSeq, Math.max(firstSeq, to)));
  const backToNow = () => {
    moment.value = null;
    setPlaying(false);
    readAgain();
  };
  return (
    <div class="timeline-view">
      <section class="card" aria-labelledby="replay-title">
        <div class="bar">
          <h2 id="replay-title">Replay</h2>
          <span class="faint grow">{count(lastSeq - firstSeq + 1)} entries are kept</span>
          <button type="button" onClick={readAgain}>
            Read the newest
          </button>
        </div>
        <label for="seq" class="sr-only">
          Entry of the event log
        </label>
        <input
          id="seq"
          class="slider"
          type="range"
          min={firstSeq}
          max={lastSeq}
          value={seq}
          aria-valuetext={entryText(page, seq)}
          onInput={({ currentTarget }) => go(Number(currentTarget.value))}
        />
        <div class="bar">
          <button type="button" disabled={seq <= firstSeq} onClick={() => go(seq - 1)}>
            Earlier
          </button>
          <button type="button" aria-pressed={isPlaying} onClick={() => setPlaying(!isPlaying)}>
            {isPlaying ? 'Hold' : 'Play'}
          </button>
          <button type="button" disabled={seq >= lastSeq} onClick={() => go(seq + 1)}>
            Later
          </button>
          <span class="faint grow">entry {count(seq)}</span>
          <button type="button" disabled={!moment.value} onClick={backToNow}>
            Back to now
          </button>
        </div>
        {problem && <Trouble>{problem}</Trouble>}
        <Then />
      </section>
      <Entries page={page} seq={seq} go={go} />
    </div>
  );
}

async function lookAt(seq: number, page: HistoryPage, signal: AbortSignal) {
  const known = page.entries.find((entry) => entry.seq === seq);
  const found = known ? page : ((await readHistory(seq + 1, signal)) ?? page);
  const entry: HistoryEntry = found.entries.find((one) => one.seq === seq) ?? { seq, atMs: 0, type: '', sentence: '' };
  return { entry, page: found, ...(await readMoment(seq, signal)) };
}

function entryText({ entries }: HistoryPage, seq: number): string {
  const entry = entries.find((one) => one.seq === seq);
  return entry ? `${timeText(entry.atMs, serverNow())}: ${entry.sentence}` : `entry ${seq}`;
}

/** How things stood, in short; the other views have the whole. */
function Then() {
  const past = moment.value;
  if (!past) return <p class="faint">You see the present. Move the slider to look at a past moment.</p>;
  const { phase, round, roundsTotal, waitingFor } = past.status;
  return (
    <p class="then">
      <b>{phaseWords[phase]}</b>
      {round > 0 && `, round ${count(round)} of ${count(roundsTotal)}`}. {waitingFor.summary}{' '}
      <a href={hrefOf('run')}>See the run then</a>
    </p>
  );
}

function Entries({ page, seq, go }: { page: HistoryPage; seq: number; go: (seq: number) => void }) {
  return (
    <section class="card" aria-labelledby="entries-title">
      <h2 id="entries-title">Entries up to there</h2>
      <ol class="entries">
        {page.entries
          .filter((entry) => entry.seq <= seq)
          .slice(-60)
          .reverse()
          .map((entry) => (
            <li key={entry.seq}>
              <button type="button" aria-current={entry.seq === seq} onClick={() => go(entry.seq)}>
                <span class="seq">{entry.seq}</span>
                <time>{timeText(entry.atMs, serverNow())}</time>
                <span>{entry.sentence}</span>
              </button>
            </li>
          ))}
      </ol>
    </section>
  );
}

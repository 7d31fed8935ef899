import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type HistoryPage, readHistory, readMoment } from '../../api/history.ts';
import { sentenceOf } from '../../api/problem.ts';
import { Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { serverNow } from '../../state/live.ts';
import { moment } from '../../state/moment.ts';
import { hrefOf } from '../../state/route.ts';
import { count, moment as timeText } from '../../words/numbers.ts';
import { phaseWords } from '../../words/sentences.ts';
import { Latest } from './latest.ts';

/** Entries that are listed, up to the one that is looked at. */
const entriesShown = 60;
/** One entry after another when it plays, ms. */
const playMs = 400;

/** The log with a slider; where it stands, all views follow. */
export function Replay({ newest, readAgain }: { newest: HistoryPage; readAgain: () => void }) {
  const { firstSeq, lastSeq } = newest;
  const [page, setPage] = useState(newest);
  const [seq, setSeq] = useState(moment.value?.entry.seq ?? lastSeq);
  const [isPlaying, setPlaying] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [isPending, setPending] = useState(false);
  const isFirst = useRef(true);
  const isGone = useRef(false);
  const shown = useRef(newest);
  const latest = useMemo(
    () =>
      new Latest<number>(async (wanted) => {
        try {
          const { page: found, ...rest } = await lookAt(wanted, shown.current);
          if (isGone.current) return;
          shown.current = found;
          setPage(found);
          setProblem(null);
          moment.value = rest;
        } catch (error) {
          setProblem(sentenceOf(error));
        }
        setPending(false);
      }),
    [],
  );
  useEffect(
    () => () => {
      isGone.current = true;
      latest.forget();
    },
    [],
  );

  useEffect(() => {
    // Nobody has moved it yet: what is shown is now, or the moment chosen before.
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    setPending(true);
    latest.want(seq);
  }, [seq]);

  useEffect(() => {
    if (!isPlaying) return;
    if (seq >= lastSeq) return setPlaying(false);
    if (isPending) return;
    const timer = setTimeout(() => setSeq(seq + 1), playMs);
    return () => clearTimeout(timer);
  }, [isPlaying, seq, isPending]);

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
          <span class="faint grow">{keptText(newest)}</span>
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
        <Ends newest={newest} />
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
        <Then isPending={isPending} />
      </section>
      <Entries page={page} seq={seq} go={go} />
    </div>
  );
}

/** When the log begins and ends, below the slider. */
function Ends({ newest: { firstSeq, lastSeq, entries } }: { newest: HistoryPage }) {
  const { answer } = useAnswer(`entry ${firstSeq}`, (signal) => readHistory(firstSeq + 1, signal));
  const first = answer?.entries[0];
  const last = entries.at(-1);
  return (
    <p class="axis ends">
      <span>{first ? timeText(first.atMs, serverNow()) : ''}</span>
      <span>{last && last.seq === lastSeq ? timeText(last.atMs, serverNow()) : ''}</span>
    </p>
  );
}

/** How far back it goes, and how long that lasts. */
function keptText({ firstSeq, lastSeq, onDisk }: HistoryPage): string {
  const kept = `${count(lastSeq - firstSeq + 1)} entries are kept`;
  return onDisk ? `${kept}, on the disk` : `${kept}: the last ones, in memory, until this server ends`;
}

async function lookAt(seq: number, page: HistoryPage) {
  const { firstSeq } = page;
  const at = page.entries.findIndex((entry) => entry.seq === seq);
  // Near the beginning of a page there would be little to read before the entry.
  const suffices = at >= entriesShown || (at !== -1 && page.entries[0]?.seq === firstSeq);
  const found = suffices ? page : ((await readHistory(seq + 1)) ?? page);
  const entries = found.entries.filter((entry) => entry.seq <= seq).slice(-entriesShown);
  const entry = entries.at(-1) ?? { seq, atMs: 0, type: '', sentence: '' };
  return { entry, entries, page: found, ...(await readMoment(seq)) };
}

function entryText({ entries }: HistoryPage, seq: number): string {
  const entry = entries.find((one) => one.seq === seq);
  return entry ? `${timeText(entry.atMs, serverNow())}: ${entry.sentence}` : `entry ${seq}`;
}

/** How things stood, in short; the other views have the whole. */
function Then({ isPending }: { isPending: boolean }) {
  const past = moment.value;
  if (isPending && !past) return <p class="faint">Reading how things stood then…</p>;
  if (!past) return <p class="faint">You see the present. Move the slider to look at a past moment.</p>;
  const { phase, round, roundsTotal, waitingFor } = past.status;
  return (
    <p class="then" aria-busy={isPending}>
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
          .slice(-entriesShown)
          .reverse()
          .map((entry) => (
            <li key={entry.seq}>
              <button type="button" aria-current={entry.seq === seq} onClick={() => go(entry.seq)}>
                <span class="seq">{count(entry.seq)}</span>
                <time>{timeText(entry.atMs, serverNow())}</time>
                <span>{entry.sentence}</span>
              </button>
            </li>
          ))}
      </ol>
    </section>
  );
}

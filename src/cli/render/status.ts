import { isServing } from '../../domain/explain-aggregator.ts';
import type { Status, WaitingFor } from '../../domain/handle.ts';
import type { Plan } from '../../domain/plan.ts';
import { countdown, plural, printable, progressBar } from './format.ts';
import { strategyText } from './plan.ts';
import type { Style } from './style.ts';

/** Cells of the progress bar. */
export const usualBarWidth = 24;
export const labelWidth = 10;

/** One sentence that answers "why is this round waiting?", with the time that is left. */
export function waitingLine({ summary, deadlineAtMs }: WaitingFor, nowMs: number): string {
  const text = printable(summary);
  return deadlineAtMs === null ? text : `${text} (${countdown(deadlineAtMs, nowMs)})`;
}

/** A label and what stands beside it. */
export const labelled = (label: string, text: string, style: Style): string =>
  `${style.faint(label.padEnd(labelWidth))} ${text}`;

/** The status for people, a line each. @param nowMs Unix ms, for the countdown. @param plan see {@link factsOf} */
export const statusLines = (status: Status, nowMs: number, style: Style, plan: Plan | null = null): string[] =>
  [...factsOf(status, style, { plan }), ['Waiting', waitingLine(status.waitingFor, nowMs)] as const].map(
    ([label, text]) => labelled(label, text, style),
  );

/** Labels, and what stands beside them. */
type Facts = readonly (readonly [label: string, text: string])[];

/** The status but for what it waits for. @param plan of the run; null: it is not known. */
export function factsOf(
  status: Status,
  style: Style,
  { plan, barWidth = usualBarWidth }: { plan: Plan | null; barWidth?: number },
): Facts {
  const { run, target, kind, modelVersion, aggregator } = status;
  const results = kind === 'evaluation' ? 'Results' : 'Updates';
  return [
    ['Run', run === null ? 'none yet' : `${printable(run)}, ${runWord(status, style)}`],
    ['Round', roundText(status, style)],
    ...(target === null ? [] : [[results, updatesText(status, style, barWidth)] as const]),
    ['Clients', clientsText(status)],
    ['Model', modelVersion === null ? 'none yet' : `version ${modelVersion}`],
    ...(plan ? [['Strategy', strategyText(plan)] as const] : []),
    ...(isServing({ state: aggregator }) ? [] : [['Aggregator', style.warning(printable(aggregator))] as const]),
  ];
}

function runWord({ runState }: Status, style: Style): string {
  if (runState === 'paused' || runState === 'pausing') return style.warning(runState);
  return runState === 'stopped' ? style.bad(runState) : style.good(runState);
}

function roundText({ round, roundsTotal, attempt, kind, phase }: Status, style: Style): string {
  if (round === 0) return printable(phase);
  if (kind === 'evaluation') return `${style.strong(`${round}/${roundsTotal}`)}, evaluation, ${printable(phase)}`;
  // Between two rounds it is the number of what comes next, which may be no attempt at the round.
  const again = kind !== null && attempt > 1 ? `, attempt ${attempt}` : '';
  return `${style.strong(`${round}/${roundsTotal}`)}, ${printable(phase)}${again}`;
}

function updatesText({ contributions, target, quorum, waitingFor }: Status, style: Style, barWidth: number): string {
  // With over-selection a round closes before all that were selected have reported.
  const need = waitingFor.guard?.name === 'mayClose' ? waitingFor.guard.need : (target ?? 0);
  if (need === 0) return 'no cohort yet';
  const bar = progressBar(contributions, need, barWidth);
  return `${contributions >= (quorum ?? 0) ? style.good(bar) : bar} ${contributions} of ${need}, quorum ${quorum ?? 0}`;
}

function clientsText({ population, counts }: Status): string {
  const present = Object.entries(counts).filter(([, count]) => count > 0);
  const states = present.map(([state, count]) => `${count} ${state === 'doneAndInactive' ? 'done and gone' : state}`);
  return states.length === 0 ? 'none' : `${population} registered: ${states.join(', ')}`;
}

/** The status in one line, without anything that changes by the second: for a log, or a pipe. */
export function statusLine(status: Status): string {
  const { round, roundsTotal, phase, contributions, target, population, runState } = status;
  const updates = target === null || target === 0 ? '' : `, ${contributions} of ${plural(target, 'update')}`;
  const place = round === 0 ? `run ${runState}` : `round ${round}/${roundsTotal} ${printable(phase)}`;
  return `${place}${updates}, ${plural(population, 'client')}. ${printable(status.waitingFor.summary)}`;
}

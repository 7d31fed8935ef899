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

/** The status for people, a line each. @param nowMs Unix ms, for the countdown. @param plan see {@link factLines} */
export const statusLines = (status: Status, nowMs: number, style: Style, plan: Plan | null = null): string[] => [
  ...factLines(status, style, { plan }),
  labelled('Waiting', waitingLine(status.waitingFor, nowMs), style),
];

/** The status but for what it waits for. @param plan of the run; null: it is not known. */
export function factLines(
  status: Status,
  style: Style,
  { plan, barWidth = usualBarWidth }: { plan: Plan | null; barWidth?: number },
): string[] {
  const line = (label: string, text: string) => labelled(label, text, style);
  const lines = [
    line('Run', status.run === null ? 'none yet' : `${status.run}, ${runWord(status, style)}`),
    line('Round', roundText(status, style)),
  ];
  if (status.target !== null)
    lines.push(line(status.kind === 'evaluation' ? 'Results' : 'Updates', updatesText(status, style, barWidth)));
  lines.push(line('Clients', clientsText(status)));
  lines.push(line('Model', status.modelVersion === null ? 'none yet' : `version ${status.modelVersion}`));
  if (plan) lines.push(line('Strategy', strategyText(plan)));
  if (!isServing({ state: status.aggregator })) {
    lines.push(line('Aggregator', style.warning(printable(status.aggregator))));
  }
  return lines;
}

function runWord({ runState }: Status, style: Style): string {
  if (runState === 'paused' || runState === 'pausing') return style.warning(runState);
  return runState === 'stopped' ? style.bad(runState) : style.good(runState);
}

function roundText({ round, roundsTotal, attempt, kind, phase }: Status, style: Style): string {
  if (round === 0) return printable(phase);
  if (kind === 'evaluation') return `${style.strong(`${round}/${roundsTotal}`)}, evaluation, ${printable(phase)}`;
  const again = attempt > 1 ? `, attempt ${attempt}` : '';
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

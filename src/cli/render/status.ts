import { isServing } from '../../domain/explain-aggregator.ts';
import type { Status, WaitingFor } from '../../domain/handle.ts';
import { countdown, plural, printable, progressBar } from './format.ts';
import type { Style } from './style.ts';

/** Cells of the progress bar. */
const barWidth = 24;
const labelWidth = 10;

/** One sentence that answers "why is this round waiting?", with the time that is left. */
export function waitingLine({ summary, deadlineAtMs }: WaitingFor, nowMs: number): string {
  const text = printable(summary);
  return deadlineAtMs === null ? text : `${text} (${countdown(deadlineAtMs, nowMs)})`;
}

/** The status for people, a line each. @param nowMs Unix ms, for the countdown. */
export function statusLines(status: Status, nowMs: number, style: Style): string[] {
  const line = (label: string, text: string) => `${style.faint(label.padEnd(labelWidth))} ${text}`;
  const lines = [
    line('Run', status.run === null ? 'none yet' : `${status.run}, ${runWord(status, style)}`),
    line('Round', roundText(status, style)),
  ];
  if (status.target !== null)
    lines.push(line(status.kind === 'evaluation' ? 'Results' : 'Updates', updatesText(status, style)));
  lines.push(line('Clients', clientsText(status)));
  lines.push(line('Model', status.modelVersion === null ? 'none yet' : `version ${status.modelVersion}`));
  if (!isServing({ state: status.aggregator })) {
    lines.push(line('Aggregator', style.warning(printable(status.aggregator))));
  }
  lines.push(line('Waiting', waitingLine(status.waitingFor, nowMs)));
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

function updatesText({ contributions, target, quorum }: Status, style: Style): string {
  const need = target ?? 0;
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

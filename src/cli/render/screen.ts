import type { ChorusEvent, RoundRecord, Status } from '../../domain/handle.ts';
import type { Plan } from '../../domain/plan.ts';
import { eventLine, eventStyle } from './event.ts';
import { countdown, printable, progressBar, timeOfDay } from './format.ts';
import { sparkline } from './sparkline.ts';
import { factsOf, labelled, labelWidth, usualBarWidth } from './status.ts';
import type { Style } from './style.ts';
import { wrap } from './wrap.ts';

/** Rounds in a curve, and metrics that get one. */
const roundsShown = 40;
const curvesMax = 2;
/** Characters of a metric's name that are shown. */
const nameShown = 20;
/** Columns of a terminal from which on bars are longer. */
const wideColumns = 100;
const wideBarWidth = 48;

/** What happens all the time, and says little by itself. */
const frequent = ['membership', 'phase', 'update.accepted', 'result.accepted', 'clients.selected'];

/** What a curve is made of. */
export type RoundPoint = Pick<RoundRecord, 'run' | 'phase' | 'metrics'>;

export interface Screen {
  status: Status;
  /** Of its run; null: not known yet. */
  plan: Plan | null;
  /** Newest first. */
  rounds: readonly RoundPoint[];
  /** Oldest first. */
  events: readonly ChorusEvent[];
  /** Unix ms. */
  nowMs: number;
}

/** Everything on the screen of `chorus status --watch`: as many lines as there are rows but one, none wider than it is. */
export function screenLines(
  shown: Screen,
  { columns, rows }: { columns: number; rows: number },
  style: Style,
): string[] {
  const { status, plan } = shown;
  const width = Math.max(1, columns - labelWidth - 1);
  const barWidth = Math.min(width, columns < wideColumns ? usualBarWidth : wideBarWidth);
  const title = [style.strong('Chorus'), ''];
  const facts = factsOf(status, style, { plan, barWidth }).flatMap(([label, text]) =>
    indented(label, wrap(text, width), style),
  );
  const waiting = [...timeLines(shown, { width, barWidth }, style), ...waitingLines(status, width, style)];
  const curves = [
    ...curveLines(shown, 'committed', { label: 'By round', width }, style),
    ...curveLines(shown, 'evaluated', { label: 'Evaluated', width }, style),
  ];
  const end = ['', ...wrap('Ctrl-C ends this; the server goes on.', columns).map(style.faint)];
  const room = rows - 1;
  // Where there is not room for everything, what is waited for is what one came for.
  if (facts.length + waiting.length > room) return [...waiting, ...facts].slice(0, room);
  const whole = [...title, ...facts, ...waiting, ...curves, ...end];
  if (whole.length > room) return [...facts, ...waiting, ...curves].slice(0, room);
  const left = room - whole.length - 1;
  const lately = left > 0 ? latelyLines(shown, { width, room: left }, style) : [];
  return [...title, ...facts, ...waiting, ...curves, ...(lately.length > 0 ? ['', ...lately] : []), ...end];
}

/** How much of the window is used, and what happens at its end. */
function timeLines(
  { status: { waitingFor }, nowMs }: Screen,
  { width, barWidth }: { width: number; barWidth: number },
  style: Style,
): string[] {
  const { sinceMs, deadlineAtMs, next } = waitingFor;
  if (deadlineAtMs === null) return [];
  const bar = progressBar(nowMs - sinceMs, deadlineAtMs - sinceMs, barWidth);
  return indented('Time', wrap(`${bar} ${countdown(deadlineAtMs, nowMs)} ${printable(next)}`, width), style);
}

function waitingLines({ waitingFor: { summary, deadlineAtMs } }: Status, width: number, style: Style): string[] {
  // The line above says what happens at the deadline.
  const text = deadlineAtMs === null ? summary : summary.replace(/; at \d\d:\d\d:\d\d UTC .*$/s, '.');
  return indented('Waiting', wrap(printable(text), width), style);
}

const indented = (label: string, lines: readonly string[], style: Style): string[] =>
  lines.map((line, index) => labelled(index === 0 ? label : '', line, style));

/** The metrics that the last of these rounds has, by round: accuracy first. */
function curveLines(
  { status, rounds }: Screen,
  phase: RoundRecord['phase'],
  { label, width }: { label: string; width: number },
  style: Style,
): string[] {
  const points = rounds.filter((one) => one.run === status.run && one.phase === phase).reverse();
  const names = Object.keys(points.at(-1)?.metrics ?? {}).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const curves = names.slice(0, curvesMax).flatMap((name) => {
    const values = points.map(({ metrics }) => metrics[name]).filter((value) => value !== undefined);
    const last = values.at(-1);
    if (last === undefined || values.length < 2) return [];
    const text = `${printable(name).slice(0, nameShown)} ${Number(last.toPrecision(4))}`;
    const curve = sparkline(values, Math.max(1, Math.min(roundsShown, width - text.length - 1)));
    return cut(`${curve} ${text}`, width);
  });
  return indented(label, curves, style);
}

const rank = (name: string): number => (/acc/i.test(name) ? 0 : /loss/i.test(name) ? 1 : 2);

/** What happened last, the newest lowest, as much as there is room for. */
function latelyLines({ events }: Screen, { width, room }: { width: number; room: number }, style: Style): string[] {
  const told = events.filter(({ type }) => !frequent.includes(type)).slice(-room);
  const left = width - 'hh:mm:ss  '.length;
  if (left < 1) return [];
  const lines = told.map(
    (event) => `${style.faint(timeOfDay(event.atMs))}  ${eventStyle(event, style)(cut(eventLine(event), left))}`,
  );
  return indented('Lately', lines, style);
}

const cut = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);

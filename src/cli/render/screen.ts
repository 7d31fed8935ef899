import type { RoundRecord, Status } from '../../domain/handle.ts';
import { printable } from './format.ts';
import { sparkline } from './sparkline.ts';
import { statusLines } from './status.ts';
import type { Style } from './style.ts';

/** Rounds in the curve. */
const roundsShown = 40;
const labelWidth = 10;
/** Characters of a metric's name that are shown. */
const nameShown = 40;

/** What the curve is made of. */
export type RoundPoint = Pick<RoundRecord, 'run' | 'phase' | 'metrics'>;

/** Everything on the screen of `chorus status --watch`. @param rounds newest first @param nowMs Unix ms */
export function screenLines(status: Status, rounds: readonly RoundPoint[], nowMs: number, style: Style): string[] {
  return [
    style.strong('Chorus'),
    '',
    ...statusLines(status, nowMs, style),
    ...curveLines(status, rounds, style),
    '',
    style.faint('Ctrl-C ends this; the server goes on.'),
  ];
}

/** The first metric that the last committed round has, by round. */
function curveLines({ run }: Status, rounds: readonly RoundPoint[], style: Style): string[] {
  const committed = rounds.filter((one) => one.run === run && one.phase === 'committed').reverse();
  const [name] = Object.keys(committed.at(-1)?.metrics ?? {});
  const values = committed.map(({ metrics }) => metrics[name ?? '']).filter((value) => value !== undefined);
  const last = values.at(-1);
  if (name === undefined || last === undefined || values.length < 2) return [];
  const label = style.faint('By round'.padEnd(labelWidth));
  return [
    `${label} ${sparkline(values, roundsShown)} ${printable(name).slice(0, nameShown)} ${Number(last.toPrecision(4))}`,
  ];
}

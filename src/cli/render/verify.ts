import type { VerifyReport } from '../../audit/verify.ts';
import { grouped, plural, printable } from './format.ts';
import type { Style } from './style.ts';
import { table } from './tables.ts';

/** Problems shown one by one; `--json` has more. */
const problemsShownMax = 50;

/** What was checked and what was found, for people. */
export function verifyLines(dataDir: string, report: VerifyReport, style: Style): string[] {
  const { problemsTotal, notes } = report;
  return [
    checkedTable(report, style),
    '',
    ...problemLines(report, style),
    ...notes.map((note) => style.warning(`Note: ${printable(note)}`)),
    problemsTotal === 0
      ? style.good(`${dataDir} holds what was written to it.`)
      : style.bad(`${dataDir} does not hold what was written to it: ${plural(problemsTotal, 'problem')}.`),
  ];
}

function checkedTable(report: VerifyReport, style: Style): string {
  const rows: [string, number][] = [
    ['facts', report.facts],
    ['runs', report.runs],
    ['rounds committed', report.roundsCommitted],
    ['attempts abandoned', report.roundsAbandoned],
    ['model versions', report.versions],
    ['  made again from their updates', report.recomputed],
    ['  only hashed', report.onlyHashed],
    ['problems', report.problemsTotal],
  ];
  const cells = rows.map(([what, count]) => [what, grouped(count)]);
  return table(['Checked', 'Count'], cells, ['Count'], style);
}

function problemLines({ problems, problemsTotal }: VerifyReport, style: Style): string[] {
  const shown = problems
    .slice(0, problemsShownMax)
    .map(({ seq, sentence }) => `${style.bad(seq === null ? 'journal' : `fact ${seq}`)}  ${sentence}`);
  const more = problemsTotal - shown.length;
  if (more > 0) shown.push(`and ${plural(more, 'more problem')}`);
  return shown.length > 0 ? [...shown, ''] : [];
}

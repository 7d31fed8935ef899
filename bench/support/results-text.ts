import type { Result, Row } from './report.ts';

const startMark = '<!-- results: written by `npm run bench:readme` -->';
const endMark = '<!-- end of results -->';

/** @returns the README with the part between its marks replaced. @throws {Error} it has no marks. */
export function withResults(readme: string, results: readonly Result[]): string {
  const start = readme.indexOf(startMark);
  const end = readme.indexOf(endMark);
  if (start === -1 || end < start) throw new Error('The README has no place for results');
  return `${readme.slice(0, start + startMark.length)}\n\n${results.map(sectionOf).join('\n')}\n${readme.slice(end)}`;
}

function sectionOf({ name, question, method, measuredAt, machine, versions, rows }: Result): string {
  const { cpu, cores, memoryGiB, platform, loadAverage } = machine;
  const { node, ...others } = versions;
  const packages = Object.entries(others).map(([what, version]) => `${what} ${version}`);
  return `### ${question}

\`npm run bench -- ${name}\`

${method}

| what | against | ours | reference | ratio | wanted | |
|---|---|---|---|---|---|---|
${rows.map(rowText).join('\n')}

<sub>${measuredAt.slice(0, 10)}; ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}; load average before it ${loadAverage}; Node ${node}; ${packages.join(', ')}.</sub>
`;
}

function rowText({ what, against, ours, reference, ratio, wanted, isMet }: Row): string {
  const verdict = isMet === null ? '' : isMet ? 'met' : '**not met**';
  const cells = [what, against, ours, reference, ratio === null ? '' : `${ratio.toFixed(2)} ×`, wanted, verdict];
  return `| ${cells.join(' | ')} |`;
}

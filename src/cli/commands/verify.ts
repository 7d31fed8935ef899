import { verify } from '../../audit/verify.ts';
import { exitCodes } from '../failure.ts';
import { byteSize, grouped, plural } from '../render/format.ts';
import { ProgressLine } from '../render/progress.ts';
import { styleFor } from '../render/style.ts';
import { verifyLines } from '../render/verify.ts';
import { withHistory } from './open-history.ts';
import { print, printJson } from './output.ts';

/** `chorus verify`: whether a data folder holds what was written to it. Only reads; exit code 1 when it does not. */
export async function runVerify(dataDir: string, options: { json?: boolean }): Promise<void> {
  const line = new ProgressLine({ stream: process.stderr, now: () => performance.now() });
  const report = await withHistory(dataDir, (folder) =>
    verify(folder, ({ facts, rounds, bytes, bytesTotal }) => {
      const text = () =>
        `${grouped(facts)} facts, ${plural(rounds, 'round')}, ${byteSize(bytes)} of ${byteSize(bytesTotal)}`;
      line.show(text, bytes, bytesTotal);
    }),
  ).finally(() => line.clear());
  if (options.json) printJson({ dataDir, ...report });
  else print(verifyLines(dataDir, report, styleFor(process.stdout)).join('\n'));
  if (report.problemsTotal > 0) process.exitCode = exitCodes.failed;
}

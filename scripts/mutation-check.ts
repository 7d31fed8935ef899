/**
 * Tries deliberate defects: does a test fail for each? Works on a copy, and leaves the checkout as it is.
 * `npm run mutations` tries all of `scripts/mutations.ts`, `npm run mutations -- F5 front-door` those whose name, defect
 * or file has one of the words. The exit code is 1 when a defect is missed.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import type { Mutation } from './mutations/mutation.ts';
import { mutations } from './mutations.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What tests and build need. */
const copied = [
  'src',
  'test',
  'examples',
  'dashboard',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
];
/** A hang is a failure too, but need not be waited for long. */
const testTimeoutMs = 20_000;
const runMsMaxPerFile = 180_000;

type Verdict = 'caught' | 'MISSED' | 'no test ran';

interface TestRun {
  passed: number;
  failed: number;
  /** Files with a test that failed. */
  files: string[];
}

/** Of vitest's report. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  success: boolean;
  testResults: { name: string; status: string }[];
}

/** Runs a program to its end, whatever its exit code. */
function run(
  command: string,
  args: readonly string[],
  cwd: string,
  { msMax = runMsMaxPerFile, settings = {} }: { msMax?: number; settings?: Mutation['env'] } = {},
): Promise<void> {
  const env = { ...process.env, CHORUS_TEST_SKIP_BUILD: '1', ...settings };
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, timeout: msMax, maxBuffer: 2 ** 26 }, () => resolve());
  });
}

const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

/** The compiler writes its output also where a defect does not fit the types. */
const build = (copy: string): Promise<void> => run(bin('tsc'), ['-p', 'tsconfig.build.json'], copy);

async function runTests(
  copy: string,
  tests: readonly string[],
  only: string | undefined,
  env: Mutation['env'],
): Promise<TestRun> {
  const report = join(copy, 'report.json');
  await rm(report, { force: true });
  const args = ['run', ...tests, '--reporter=json', `--outputFile=${report}`, `--testTimeout=${testTimeoutMs}`];
  const limits = { msMax: runMsMaxPerFile * tests.length, settings: env };
  await run(bin('vitest'), only === undefined ? args : [...args, '-t', only], copy, limits);
  try {
    const { numPassedTests, numFailedTests, success, testResults } = JSON.parse(
      await readFile(report, 'utf8'),
    ) as Report;
    const files = testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(copy, name));
    // A file that fails as a whole has no failed test of its own.
    return { passed: numPassedTests, failed: success ? 0 : Math.max(1, numFailedTests), files };
  } catch {
    return { passed: 0, failed: 1, files: [] };
  }
}

async function makeCopy(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'chorus-mutations-'));
  for (const part of copied) await cp(join(root, part), join(copy, part), { recursive: true });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  await build(copy);
  return copy;
}

/** @returns the failing tests of the sources as they are: with those, nothing would be shown. */
async function checkBaseline(copy: string, chosen: readonly Mutation[]): Promise<TestRun> {
  const tests = [...new Set(chosen.flatMap((mutation) => mutation.tests))];
  const isWhole = chosen.some(({ only }) => only === undefined);
  return runTests(copy, tests, isWhole ? undefined : [...new Set(chosen.map(({ only }) => only))].join('|'), {});
}

async function attempt(copy: string, { file, find, replace, tests, only, env }: Mutation): Promise<Verdict> {
  const path = join(copy, file);
  const source = await readFile(path, 'utf8');
  await writeFile(
    path,
    source.replace(find, () => replace),
  );
  await build(copy);
  const { passed, failed } = await runTests(copy, tests, only, env);
  await writeFile(path, source);
  if (failed > 0) return 'caught';
  return passed === 0 ? 'no test ran' : 'MISSED';
}

const words = process.argv.slice(2).map((word) => word.toLowerCase());
const chosen = mutations.filter(({ name, defect, file }) => {
  const text = `${name} ${defect} ${file}`.toLowerCase();
  return words.length === 0 || words.some((word) => text.includes(word));
});
const table = new Table({
  head: ['defect', 'what the change does', 'verdict', 's'],
  style: { head: [], border: [] },
});
const copy = await makeCopy();
let missed = 0;
try {
  const baseline = await checkBaseline(copy, chosen);
  if (baseline.failed > 0) {
    const where = baseline.files.join(', ') || 'no report came in time';
    throw new Error(`${baseline.failed} tests fail without any defect; mend those first: ${where}`);
  }
  for (const mutation of chosen) {
    const startedAtMs = performance.now();
    const verdict = await attempt(copy, mutation);
    if (verdict !== 'caught') missed += 1;
    const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
    console.error(`${verdict.padEnd(11)} ${mutation.defect}: ${mutation.name} (${seconds} s)`);
    table.push([mutation.defect, mutation.name, verdict, seconds]);
  }
} finally {
  await rm(copy, { recursive: true, force: true });
}
console.log(table.toString());
console.log(`${chosen.length - missed} of ${chosen.length} defects are caught`);
process.exitCode = missed > 0 ? 1 : 0;

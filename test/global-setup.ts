import { execFileSync } from 'node:child_process';

/**
 * Compiles the sources once before the tests: the aggregator thread and the fold pool run from `dist/`.
 * CHORUS_TEST_SKIP_BUILD=1 trusts the build that is there.
 */
export default function buildOnce(): void {
  if (process.env.CHORUS_TEST_SKIP_BUILD === '1') return;
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}

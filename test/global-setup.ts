import { execFileSync } from 'node:child_process';

/** Compiles the sources once before the tests: the aggregator thread and the fold pool run from `dist/`. */
export default function buildOnce(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}

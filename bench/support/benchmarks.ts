import type { Benchmark } from './report.ts';

/** Every benchmark, in the order in which they are run and shown. Each is `bench/<name>.bench.ts`. */
export const benchmarkNames: readonly string[] = [
  'fold',
  'check',
  'robust',
  'uploads',
  'durability',
  'downloads',
  'heartbeats',
  'registry',
  'selection',
  'memory',
  'gathering',
  'control-plane',
  'turnaround',
  'whole-round',
  'start-up',
];

export async function loadBenchmark(name: string): Promise<Benchmark> {
  const { benchmark } = (await import(`../${name}.bench.ts`)) as { benchmark: Benchmark };
  return benchmark;
}

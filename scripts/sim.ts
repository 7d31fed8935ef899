/**
 * Simulates the whole system with faults, seed by seed; see `docs/simulation.md`.
 * `npm run sim -- --seed 1 --seeds 1000 --faults all`. The exit code is 1 when a seed breaks a rule: then the shortest
 * transcript that was found is printed, with the command that replays it.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Plan, planSettings } from '../src/domain/plan.ts';
import { type StrategyName, strategyNames } from '../src/domain/strategy-choice.ts';
import {
  createSimulation,
  drawScenario,
  type FaultProfile,
  faultKinds,
  faultProfiles,
  type Scenario,
  type SimulationReport,
  shrink,
} from '../src/testing/index.ts';

/** Lines of a transcript that are shown. */
const linesShownMax = 60;
/** How often progress is told, ms. */
const tellEveryMs = 250;

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number from 1.');
  return value;
};

interface Flags {
  seed: number;
  seeds: number;
  rounds: number;
  clients: number;
  faults: FaultProfile;
  strategy?: StrategyName;
  mode?: Plan['mode'];
  scenario?: string;
  transcript: boolean;
}

const flags = new Command('sim')
  .description('Simulates the whole system with faults, and checks what must always hold.')
  .option('--seed <n>', 'the first seed', whole, 1)
  .option('--seeds <n>', 'how many seeds, one after another', whole, 1)
  .option('--rounds <n>', 'rounds of each run', whole, 5)
  .option('--clients <n>', 'clients of each run', whole, 12)
  .addOption(new Option('--faults <profile>', 'kinds of fault').choices(Object.keys(faultProfiles)).default('all'))
  .addOption(new Option('--strategy <name>', 'how updates become the next model').choices(strategyNames))
  .addOption(
    new Option('--mode <mode>', 'whether rounds begin and end with their cohort; drawn when it is left out').choices(
      planSettings.mode.choices,
    ),
  )
  .option('--scenario <json>', 'replays one scenario, as it was printed')
  .option('--transcript', 'prints what happened, also when nothing is wrong', false)
  .addHelpText('after', () => {
    const kinds = Object.entries(faultKinds).map(([kind, what]) => `  ${kind.padEnd(16)} ${what}`);
    return `\nKinds of fault; each seed switches some on:\n${kinds.join('\n')}`;
  })
  .parse()
  .opts<Flags>();

const isTerminal = process.stderr.isTTY === true;
let isStopped = false;
process.once('SIGINT', () => {
  isStopped = true;
});

function tell(line: string): void {
  if (isTerminal) process.stderr.write(`\r\x1b[K${line}`);
}

function scenarioOf(seed: number): Scenario {
  if (flags.scenario !== undefined) return JSON.parse(flags.scenario) as Scenario;
  const { faults: profile, clients, rounds, strategy, mode } = flags;
  return drawScenario(seed, { profile, clients, rounds, ...(strategy && { strategy }), ...(mode && { mode }) });
}

async function showViolation(scenario: Scenario, { violation }: SimulationReport): Promise<void> {
  if (!violation) return;
  tell('');
  console.log(`Seed ${scenario.seed} breaks "${violation.invariant}": ${violation.sentence}\n`);
  const { scenario: smaller, report, transcript } = await shrink(scenario, violation.invariant);
  const shown = transcript.slice(-linesShownMax);
  console.log(
    `The shortest transcript found${shown.length < transcript.length ? `, its last ${shown.length} lines` : ''}:`,
  );
  for (const line of shown) console.log(line);
  console.log(`\n${report.violation?.sentence ?? ''}`);
  console.log(`Replay it with: npm run sim -- --scenario '${JSON.stringify(smaller)}'`);
}

const startedAtMs = performance.now();
let committed = 0;
let abandoned = 0;
let done = 0;
let broken = 0;
let toldAtMs = 0;
const count = flags.scenario === undefined ? flags.seeds : 1;
for (; done < count && !isStopped; done += 1) {
  const scenario = scenarioOf(flags.seed + done);
  const simulation = createSimulation(scenario);
  const report = await simulation.explore();
  committed += report.roundsCommitted;
  abandoned += report.roundsAbandoned;
  if (flags.transcript) for (const line of simulation.transcript) console.log(line);
  if (report.violation) {
    broken += 1;
    await showViolation(scenario, report);
  }
  if (performance.now() - toldAtMs < tellEveryMs) continue;
  toldAtMs = performance.now();
  tell(`${done + 1} of ${count} seeds, ${committed} rounds committed, ${broken} seeds broken`);
}
tell('');
const seconds = (performance.now() - startedAtMs) / 1_000;
const range = count === 1 ? `seed ${scenarioOf(flags.seed).seed}` : `seeds ${flags.seed} to ${flags.seed + done - 1}`;
console.log(
  `${range}, faults ${flags.scenario === undefined ? flags.faults : 'as given'}: ${committed} rounds committed, ${abandoned} attempts abandoned, ` +
    `${broken === 0 ? 'nothing broken' : `${broken} broken`}; ${Math.round(committed / seconds)} rounds a second`,
);
process.exitCode = broken === 0 ? 0 : 1;

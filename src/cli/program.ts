import { Command, InvalidArgumentError } from 'commander';
import { packageVersion } from '../version.ts';
import { addAdminOptions, addUrlOption, type Connection } from './api/connection.ts';
import type { ReplayOptions } from './commands/replay.ts';
import type { RoundsOptions } from './commands/rounds.ts';
import type { StartOptions } from './commands/run.ts';
import type { StatusOptions, WhyOptions } from './commands/status.ts';
import type { TailOptions } from './commands/tail.ts';
import { configVariable, planCliSettings, serveCliSettings } from './config/catalogue.ts';
import { addClients, addOperate } from './operator-commands.ts';
import { addPlan } from './plan-commands.ts';
import { listedMax, readClient, readLimit } from './read-arguments.ts';
import { addSettingOptions, flagsOf } from './setting-options.ts';

const versionPattern = /^(latest|[1-9]\d{0,14})$/;

/** The command line. Each command loads what it needs when it runs, so that none waits for the others. */
export function createProgram(): Command {
  const program = new Command('chorus')
    .description('Coordinates federated learning: one model, trained by many clients that keep their data.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('Try "chorus help".');
  program.commandsGroup('Server:');
  addServe(program);
  addPlan(program);
  program.commandsGroup('Of a running server:');
  addStatus(program);
  addRounds(program);
  addClients(program);
  addModels(program);
  addRun(program);
  addTail(program);
  addOperate(program);
  program.commandsGroup('Of a data folder:');
  addReplay(program);
  addVerify(program);
  return program;
}

function addServe(program: Command): void {
  const serve = program
    .command('serve')
    .usage('[flags]')
    .summary('start a server')
    .description(
      'Starts a server: coordinator, aggregator and, unless told otherwise, a run. A flag counts over its variable, ' +
        'a variable over the file of settings, the file over the default.',
    )
    .optionsGroup('Settings from a file:')
    .option('--config <file>', `TOML with tables [server] and [plan], keys written like the flags (${configVariable})`)
    .option('--plan <file>', 'TOML or JSON with the settings of the plan; they count over those of --config')
    .addHelpText('after', '\nThe admin token is a secret and has no flag: CHORUS_ADMIN_TOKEN, or --admin-token-file.');
  addSettingOptions(serve, serveCliSettings, true).action(async () => {
    const { serve: run } = await import('./server/serve.ts');
    await run(flagsOf(serve));
  });
}

function addStatus(program: Command): void {
  const status = program
    .command('status')
    .summary('show where the run stands')
    .description('Shows run, round, clients, and what is waited for.')
    .option('--watch', 'follow it until Ctrl-C')
    .option('--json', 'print the answer of the API');
  addUrlOption(status).action(async (options: StatusOptions) => {
    const { showStatus } = await import('./commands/status.ts');
    await showStatus(options);
  });
  const why = program
    .command('why')
    .summary('say why the round is waiting')
    .description(
      'Says in one sentence what the round waits for, and what happens next and when; or, with --client, why that client ' +
        'was chosen for a round or was not.',
    )
    .option('--client <id>', 'ask about the selection of this client; needs the admin token', readClient)
    .option(
      '--round <n>',
      'with --client: in this round of the current run (default: the open or last one)',
      readRound,
    );
  addAdminOptions(why).action(async (options: WhyOptions) => {
    const { showWhy } = await import('./commands/status.ts');
    await showWhy(options);
  });
}

function addRounds(program: Command): void {
  const rounds = program
    .command('rounds')
    .summary('list the rounds')
    .description('Lists the attempts at rounds, newest first.')
    .option('--limit <n>', `how many, 1 to ${listedMax}`, readLimit, 20)
    .option('--json', 'print the answer of the API');
  addUrlOption(rounds).action(async (options: RoundsOptions) => {
    const { showRounds } = await import('./commands/rounds.ts');
    await showRounds(options);
  });
}

function addModels(program: Command): void {
  const models = program
    .command('models')
    .summary('list or download the models')
    .description('Lists the committed models, oldest first.')
    .option('--json', 'print the answer of the API');
  addUrlOption(models).action(async (options: Connection & { json?: boolean }) => {
    const { showModels } = await import('./commands/models.ts');
    await showModels(options);
  });
  const download = models
    .command('download')
    .summary('save a model as a safetensors file')
    .description('Saves a committed model as a safetensors file.')
    .argument('<version>', 'a version, or latest', readVersion)
    .requiredOption('--out <file>', 'where to save it');
  addUrlOption(download).action(async (version: string, _: unknown, command: Command) => {
    const { downloadModel } = await import('./commands/models.ts');
    await downloadModel(version, command.optsWithGlobals<Connection & { out: string }>());
  });
}

function addRun(program: Command): void {
  const run = program.command('run').summary('start, pause, resume or stop the run').description('Steers the run.');
  const start = run
    .command('start')
    .usage('[flags]')
    .description('Starts a run. What is not given of its plan comes from the server’s settings.')
    .option('--plan <file>', 'TOML or JSON with the settings of the plan, or a file of settings with a table [plan]')
    .option('--model <file>', 'safetensors file with the initial model')
    .option('--json', 'print the answer of the API');
  addAdminOptions(start);
  addSettingOptions(start, planCliSettings, false).action(async (options: StartOptions) => {
    const { startRun } = await import('./commands/run.ts');
    await startRun(options, flagsOf(start));
  });
  const verbs = {
    pause: 'Lets the open round end, then opens no more.',
    resume: 'Goes on with a paused run.',
    stop: 'Abandons the open round and ends the run.',
  } as const;
  for (const verb of ['pause', 'resume', 'stop'] as const) {
    const command = run.command(verb).description(verbs[verb]).option('--json', 'print the answer of the API');
    addAdminOptions(command).action(async (options: Connection & { json?: boolean }) => {
      const { commandRun } = await import('./commands/run.ts');
      await commandRun(verb, options);
    });
  }
}

function addTail(program: Command): void {
  const tail = program
    .command('tail')
    .summary('tell what happens')
    .description('Tells what happens, a line each, until Ctrl-C. When the server is lost it goes on where it was.')
    .option('--all', 'begin with what happened before, as far as it is kept')
    .option('--json', 'print each event as JSON');
  addUrlOption(tail).action(async (options: TailOptions) => {
    const { tailEvents } = await import('./commands/tail.ts');
    await tailEvents(options);
  });
}

function addReplay(program: Command): void {
  program
    .command('replay')
    .summary('tell what happened in a data folder')
    .description(
      'Tells the history in a data folder, fact by fact, and where things stood after it. Only reads: its server may be running.',
    )
    .argument('<data-dir>', 'the folder')
    .option('--until <seq>', 'the last fact to look at', readSeq)
    .option('--all', 'leave nothing out of a long history')
    .option('--json', 'print only where things stood, as JSON')
    .action(async (dataDir: string, options: ReplayOptions) => {
      const { showReplay } = await import('./commands/replay.ts');
      await showReplay(dataDir, options);
    });
}

function addVerify(program: Command): void {
  program
    .command('verify')
    .summary('check a data folder')
    .description(
      'Checks that a data folder holds what was written to it: every fact, commit, receipt and model. Where updates were ' +
        'kept (--keep-updates of the server), makes the models again from them. Only reads; ends with 1 when something is wrong.',
    )
    .argument('<data-dir>', 'the folder')
    .option('--json', 'print what was found as JSON')
    .action(async (dataDir: string, options: { json?: boolean }) => {
      const { runVerify } = await import('./commands/verify.ts');
      await runVerify(dataDir, options);
    });
}

function readSeq(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give the number of a fact, from 1.');
}

function readRound(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give the number of a round, from 1.');
}

function readVersion(text: string): string {
  if (versionPattern.test(text)) return text;
  throw new InvalidArgumentError('Give a version, e.g. 3, or latest.');
}

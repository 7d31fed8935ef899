/**
 * Writes `docs/configuration.md` from the tables of settings: `npm run docs:config`. With `--check` nothing is written,
 * and the exit code is 1 when the file is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type CliSetting, serveCliSettings } from '../src/cli/config/catalogue.ts';
import { entryFlagOf } from '../src/cli/config/from-flags.ts';
import { listSettings } from '../src/cli/config/server-settings.ts';
import { choicesOf, type SettingSpec } from '../src/domain/settings.ts';

const file = new URL('../docs/configuration.md', import.meta.url);

/** @returns what `docs/configuration.md` should hold. */
export function configurationDoc(): string {
  const sections = [...new Set(serveCliSettings.map(({ section }) => section))];
  return `${introduction}\n${sections.map(renderSection).join('\n')}`;
}

/** Whether the file is missing or differs from what the settings say. */
export async function isStale(): Promise<boolean> {
  return (await readFile(file, 'utf8').catch(() => null)) !== configurationDoc();
}

const introduction = `# Configuration

Written from the tables of settings by \`npm run docs:config\`; do not edit. A test fails when it is stale.

\`chorus serve\` takes each setting as a flag, as an environment variable, or from a file of settings (TOML) that
\`--config FILE\` or \`CHORUS_CONFIG\` names. The flag counts over the variable, the variable over the file, the file over
the default. Whatever is wrong is told at once, with where it came from and what to do, and the exit code is 2.

\`\`\`toml
[server]
port = 8081
data-dir = "/var/lib/chorus"

[plan]
rounds = 50
min-clients = 10
participants-ratio = 0.5

[plan.hyperparameters]
learning-rate = 0.1
\`\`\`

- Keys of the file are written like the flags (\`min-clients\`); as in the API (\`minClients\`) they are taken too.
- Values are read strictly: \`12\` is a whole number, \`12.0\` and \`1e3\` are none. Numbers in the file stand without quotes.
- A flag of true or false needs no value: \`--inspect\` is true; \`--no-inspect\` and \`--inspect=false\` are false.
- \`none\` as a flag or variable unsets a number that has no default, over a file that sets it.
- An empty variable counts as not set. One that starts with \`CHORUS_\` and sets nothing is refused, so that a slip is
  seen. Kubernetes sets such variables for a service named \`chorus\`; give the pod \`enableServiceLinks: false\`.
- Lists are texts with commas between; in the file, an array of texts will do as well.
- Hyperparameters are merged name by name: \`--hyperparameter learning-rate=0.2\` changes one and leaves the others. A
  value that reads as a number, true or false is one; \`code="007"\` is a text.
- \`--plan FILE\` of \`chorus serve\` reads the plan from a file of its own; it counts over \`[plan]\` of \`--config\`, and
  variables and flags count over it.
- \`chorus run start\` takes the settings of the plan as flags, and from \`--plan FILE\` (TOML or JSON): a file of settings,
  of which \`[plan]\` counts, or the settings of the plan alone. What is not given comes from the server.

## A plan as a document

What a run is to do stands in one document, TOML or JSON: the settings below, flat, by their names in the API
(\`minClients\`) or as they are written as flags (\`min-clients\`). Editors complete and check it with the schema in
[plan.schema.json](plan.schema.json), which a server also has at \`/schemas/plan.json\` and \`chorus plan schema\` prints: in
JSON by \`"$schema"\`, in TOML by a first line \`#:schema plan.schema.json\`.

\`\`\`toml
#:schema plan.schema.json
rounds = 100
minClients = 20
participantsRatio = 0.25
evaluateEvery = 5
stopMetric = "accuracy"
stopTarget = 0.97
stopPatience = 4

[hyperparameters]
learningRate = 0.1

[[hyperparametersByRound]]
fromRound = 50
values = { learningRate = 0.02 }
\`\`\`

\`chorus plan check FILE\` says what a run with it would do, or everything that is wrong with it; nothing is started. The
same document starts a server (\`chorus serve --plan FILE\`) or a run (\`chorus run start --plan FILE\`), and as JSON it is
the body of \`POST /v1/runs\`.

## Secrets

The admin token lets an operator start and stop runs and list clients. It has no flag, since every user of a machine can
read its command lines, and no key. The first of these counts:

1. the file that \`--admin-token-file\` names;
2. the variable \`CHORUS_ADMIN_TOKEN\`;
3. the file that \`CHORUS_ADMIN_TOKEN_FILE\`, or \`admin-token-file\` in the file of settings, names;
4. \`admin-token\` in the data folder, which is made at the first start, for its owner only. When others may read it, the
   server does not start: the token may be known by then.

It has 16 printable characters or more. With \`--storage memory\` and no token given, one is made up for this process; it
is shown once, and only on a terminal. The key of the clients' tokens is \`client-key\` in the data folder.

The commands that steer a run find the token the same way, with \`--data-dir\` or \`CHORUS_DATA_DIR\` for the data folder;
\`--url\` or \`CHORUS_URL\` names the server.
`;

function renderSection(section: string): string {
  const settings = serveCliSettings.filter((setting) => setting.section === section);
  const group = settings[0]?.group;
  const where = group === 'demo' ? 'By flag only.' : `In the file: table \`[${group}]\`.`;
  const hasKeys = group !== 'demo';
  const head = hasKeys
    ? ['Flag', 'Variable', 'Key', 'Default', 'Values', 'What']
    : ['Flag', 'Default', 'Values', 'What'];
  const rows = settings.map((setting) => row(setting, hasKeys));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [`## ${section}`, '', where, '', line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

function row(setting: CliSetting, hasKeys: boolean): string[] {
  const { spec, flag, variable, key } = setting;
  const flags = spec.kind === 'record' ? `${code(flag)}, ${code(entryFlagOf(setting))}` : code(flag);
  const places = hasKeys ? [code(variable ?? ''), code(key ?? '')] : [];
  return [flags, ...places, defaultOf(spec), valuesOf(setting), spec.help.replaceAll('|', '\\|')];
}

const code = (text: string): string => `\`${text}\``;
const unitOf = (spec: SettingSpec): string => ('unit' in spec && spec.unit ? ` ${spec.unit}` : '');

function defaultOf(spec: SettingSpec): string {
  if (spec.kind === 'record' || spec.default === null || spec.default === '') return '–';
  return `${code(String(spec.default))}${unitOf(spec)}`;
}

function valuesOf({ name, spec, group, key }: CliSetting): string {
  switch (spec.kind) {
    case 'integer':
      return `whole number, ${spec.min} to ${spec.max}${unitOf(spec)}`;
    case 'number':
      return `number, ${spec.min} to ${spec.max}`;
    case 'choice':
      return choicesOf(spec).map(code).join(', ');
    case 'boolean':
      return `${code('true')}, ${code('false')}`;
    case 'record':
      return `JSON object, ${code('name=value')}, or a table ${code(`[${group}.${key}]`)}`;
    case 'schedule':
      return `JSON list of \`{ "fromRound": n, "values": { … } }\`, or tables ${code('[[plan.hyperparametersByRound]]')}`;
    case 'text':
      return listSettings.includes(name) ? 'list' : 'text';
  }
}

async function main(): Promise<void> {
  if (!process.argv.includes('--check')) {
    await writeFile(file, configurationDoc());
    return;
  }
  if (!(await isStale())) return;
  console.error('docs/configuration.md is stale. Run "npm run docs:config" and commit the result.');
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();

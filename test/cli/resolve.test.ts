import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serveCliSettings } from '../../src/cli/config/catalogue.ts';
import { fromFile } from '../../src/cli/config/from-file.ts';
import { fromFlags } from '../../src/cli/config/from-flags.ts';
import { fromVariables } from '../../src/cli/config/from-variables.ts';
import { resolveServe } from '../../src/cli/config/resolve.ts';
import type { Plan } from '../../src/domain/plan.ts';

interface Sources {
  flags?: Record<string, unknown>;
  rest?: string[];
  env?: Record<string, string>;
  file?: Record<string, unknown>;
  demo?: Partial<Plan>;
}

/** Settles settings as `chorus serve` does, without processes or files. */
const settle = ({ flags = {}, rest = [], env = {}, file = {}, demo = {} }: Sources) =>
  resolveServe(
    [
      fromFile(file, 'chorus.toml', serveCliSettings),
      fromVariables(env, serveCliSettings),
      fromFlags({ values: flags, rest }, serveCliSettings),
    ],
    demo,
  );
const problemsOf = (sources: Sources): readonly string[] => settle(sources).problems;

describe('the settings of a server', () => {
  it('have defaults that can start', () => {
    const { config, problems } = settle({});
    expect(problems).toEqual([]);
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8_081, aggregatorPort: 8_082, storage: 'file' });
    expect(config.plan).toMatchObject({ rounds: 10, minClients: 3 });
    expect(config.given.size).toBe(0);
  });

  it('have a filter that can be read, or it is told where it cannot, and by whom it was given', () => {
    const told = (text: string) => problemsOf({ env: { CHORUS_SELECTION_FILTER: text } });
    expect(told('attributes.region == "eu"')).toEqual([]);
    expect(told('region == "eu"')).toEqual([
      expect.stringMatching(
        /CHORUS_SELECTION_FILTER.*: selectionFilter \(--selection-filter\) cannot be read\. At character 1 of the filter: region is unknown/,
      ),
    ]);
  });

  it('come from the flag over the variable over the file over the demo over the default', () => {
    const value = fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined });
    fc.assert(
      fc.property(value, value, value, value, (flag, variable, file, demo) => {
        const { config, problems } = settle({
          flags: flag === undefined ? {} : { rounds: String(flag) },
          env: variable === undefined ? {} : { CHORUS_ROUNDS: String(variable) },
          file: file === undefined ? {} : { plan: { rounds: file } },
          demo: demo === undefined ? {} : { rounds: demo },
        });
        expect(problems).toEqual([]);
        expect(config.plan.rounds).toBe(flag ?? variable ?? file ?? demo ?? 10);
      }),
    );
  });

  it.each([
    ['port', { flags: { port: '9000' }, env: { CHORUS_PORT: '9001' } }, 9_000],
    ['dataDir', { env: { CHORUS_DATA_DIR: '/srv/a' }, file: { server: { 'data-dir': '/srv/b' } } }, '/srv/a'],
    ['inspect', { flags: { inspect: false }, env: { CHORUS_INSPECT: 'true' } }, false],
    ['inspect', { flags: { inspect: 'false' }, file: { server: { inspect: true } } }, false],
    ['xainApi', { flags: { xainApi: true } }, true],
    [
      'corsOrigins',
      { env: { CHORUS_CORS_ORIGINS: 'https://a.example, https://b.example' } },
      ['https://a.example', 'https://b.example'],
    ],
    ['corsOrigins', { file: { server: { 'cors-origins': ['https://a.example'] } } }, ['https://a.example']],
    ['allowedHosts', {}, []],
    ['foldThreads', { env: { CHORUS_FOLD_THREADS: '' } }, null],
  ] as [string, Sources, unknown][])('take %s from the strongest source: %j', (setting, sources, expected) => {
    const { config, problems } = settle(sources);
    expect(problems).toEqual([]);
    expect(config.server).toHaveProperty(setting, expected);
  });

  it('merge hyperparameters name by name', () => {
    const { config, problems } = settle({
      demo: { hyperparameters: { batch: 10, epochs: 1, rate: 0.1 } },
      file: { plan: { hyperparameters: { rate: 0.2, mood: 'file' } } },
      env: { CHORUS_HYPERPARAMETERS: '{"rate": 0.3, "epochs": 2}' },
      flags: { hyperparameter: ['rate=0.4', 'name=x=y', 'shuffle=true', 'code="007"'] },
    });
    expect(problems).toEqual([]);
    expect(config.plan.hyperparameters).toEqual({
      batch: 10,
      epochs: 2,
      rate: 0.4,
      mood: 'file',
      name: 'x=y',
      shuffle: true,
      code: '007',
    });
  });

  it('take "none" for what may be left unset, over a file that sets it', () => {
    const { config, problems } = settle({ file: { plan: { quorum: 2 } }, flags: { quorum: 'none' } });
    expect(problems).toEqual([]);
    expect(config.plan.quorum).toBeNull();
  });

  it('take camelCase keys in a file as well', () => {
    expect(settle({ file: { plan: { minClients: 7 } } }).config.plan.minClients).toBe(7);
  });

  it('start with participants-ratio 0.8 and min-clients 1', () => {
    expect(problemsOf({ flags: { participantsRatio: '0.8', minClients: '1' } })).toEqual([]);
  });

  it('ignore variables of others, empty ones, and those that are no settings', () => {
    const env = {
      PATH: '/bin',
      CHORUS_PORT: '',
      CHORUS_URL: 'http://x',
      CHORUS_ADMIN_TOKEN: 'secret',
      CHORUS_CONFIG: 'a',
    };
    expect(problemsOf({ env })).toEqual([]);
  });
});

describe('settings that cannot be', () => {
  it.each([
    [{ flags: { port: '8081x' } }, 'Flag --port: port (--port) is "8081x"; give a whole number from 0 to 65535.'],
    [{ env: { CHORUS_PORT: '1e3' } }, 'Variable CHORUS_PORT: port (--port) is "1e3"; give a whole number'],
    [{ env: { CHORUS_ROUNDS: '12.0' } }, 'Variable CHORUS_ROUNDS: rounds (--rounds) is "12.0"; give a whole number'],
    [{ env: { CHORUS_ROUNDS: ' 12' } }, 'Variable CHORUS_ROUNDS: rounds (--rounds) is " 12"'],
    [
      { file: { plan: { rounds: '12' } } },
      'chorus.toml, [plan] rounds: rounds (--rounds) is "12"; give a whole number',
    ],
    [{ flags: { participantsRatio: '1e3x' } }, '(--participants-ratio) is "1e3x"; give a number from 0 to 1.'],
    [
      { flags: { participantsRatio: '0' } },
      'Flag --participants-ratio: participantsRatio (--participants-ratio) is 0, so no client would ever be selected',
    ],
    [
      { env: { CHORUS_QUORUM: '4' } },
      'Variable CHORUS_QUORUM: quorum (--quorum) is 4, but ceil(participantsRatio × minClients) selects only 3',
    ],
    [{ flags: { inspect: 'yes' } }, 'Flag --inspect: inspect (--inspect) is "yes"; give true or false.'],
    [{ env: { CHORUS_INSPECT: '1' } }, 'Variable CHORUS_INSPECT: inspect (--inspect) is "1"; give true or false.'],
    [{ flags: { storage: 'disk' } }, 'Flag --storage: storage (--storage) is "disk"; give one of file, memory.'],
    [
      { flags: { host: '0.0.0.0' } },
      'Flag --host: host (--host) is "0.0.0.0", which other machines may reach, and traffic is not encrypted; add --allow-remote',
    ],
    [{ env: { CHORUS_HOST: '::' } }, 'Variable CHORUS_HOST: host (--host) is "::", which other machines may reach'],
    [{ flags: { host: '' } }, 'Flag --host: host (--host) is empty'],
    [
      { flags: { port: '9000', aggregatorPort: '9000' } },
      'Flag --aggregator-port: aggregatorPort (--aggregator-port) is 9000, and so is port (--port)',
    ],
    [
      { flags: { corsOrigins: 'https://a.example/app' } },
      'corsOrigins (--cors-origins) has "https://a.example/app", which is no origin',
    ],
    [
      { flags: { allowedHosts: 'https://a.example' } },
      'allowedHosts (--allowed-hosts) has "https://a.example", which is no host name',
    ],
    [{ flags: { dataDir: '' } }, 'dataDir (--data-dir) is empty'],
    [{ flags: { seed: '2' } }, 'Flag --seed: it goes with the demo; add --demo digits, or leave it out.'],
    [
      { flags: { hyperparameters: 'rate=1' } },
      'Flag --hyperparameters: hyperparameters (--hyperparameters) is "rate=1"; give names with',
    ],
    [{ flags: { hyperparameter: ['rate'] } }, 'Flag --hyperparameter: "rate" is no entry; write name=value'],
    [{ file: { plan: { hyperparameters: { a: [1] } } } }, 'chorus.toml, [plan] hyperparameters: hyperparameters'],
    [{ rest: ['--min-client', '3'] }, '--min-client is no flag; did you mean --min-clients?'],
    [{ rest: ['--min-client=3'] }, '--min-client is no flag; did you mean --min-clients?'],
    [{ rest: ['--zzz'] }, '--zzz is no flag; see --help.'],
    [{ rest: ['start'] }, 'The argument "start" is not expected'],
    [
      { rest: ['--admin-token', 'hunter2hunter2hunter2'] },
      '--admin-token is no flag, since every user of a machine can read its command lines',
    ],
    [
      { env: { CHORUS_MIN_CLIENT: '3' } },
      'Variable CHORUS_MIN_CLIENT: it sets nothing; did you mean CHORUS_MIN_CLIENTS?',
    ],
    [{ env: { CHORUS_SEED: '3' } }, 'Variable CHORUS_SEED: it sets nothing'],
    [
      { file: { plan: { 'min-client': 3 } } },
      'chorus.toml, [plan] min-client: it is no setting; did you mean min-clients?',
    ],
    [{ file: { server: { rounds: 3 } } }, 'chorus.toml, [server] rounds: it is no setting'],
    [
      { file: { plan: { 'min-clients': 3, minClients: 4 } } },
      'chorus.toml, [plan] minClients: it is given twice; leave one out.',
    ],
    [{ file: { rounds: 3 } }, 'chorus.toml, rounds: it is no table of settings; put it below [plan].'],
    [{ file: { sever: {} } }, 'chorus.toml, sever: it is no table of settings; did you mean server?'],
    [{ file: { plan: 3 } }, 'chorus.toml: plan is no table; write [plan] and its settings below.'],
    [
      { file: { server: { 'admin-token': 'hunter2hunter2hunter2' } } },
      'chorus.toml, [server] admin-token: a secret does not belong among settings',
    ],
    [{ file: { server: { port: 1, demo: 'digits' } } }, 'chorus.toml, [server] demo: it is no setting'],
  ] as [Sources, string][])(
    'are refused with a sentence that says what, where from and what to do: %j',
    (sources, sentence) => {
      const problems = problemsOf(sources);
      expect(problems).toEqual([expect.stringContaining(sentence)]);
      expect(problems.join()).not.toContain('hunter2');
    },
  );

  it('are all named at once', () => {
    const problems = problemsOf({
      rest: ['--min-client', '3'],
      env: { CHORUS_PORT: '8081x', CHORUS_NONSENSE: 'x' },
      file: { plan: { rounds: 0 }, server: { host: '192.0.2.1' } },
    });
    expect(problems).toHaveLength(5);
    for (const name of ['--min-client ', 'CHORUS_PORT', 'CHORUS_NONSENSE', '[plan] rounds', '[server] host']) {
      expect(
        problems.some((problem) => problem.includes(name)),
        name,
      ).toBe(true);
    }
  });

  it('are not seen in a value that a stronger source replaces', () => {
    expect(problemsOf({ flags: { port: '9000' }, env: { CHORUS_PORT: 'x' } })).toEqual([]);
  });

  it('do not make others look wrong', () => {
    // The ports would be the same if the wrong one were taken for its default.
    expect(problemsOf({ flags: { port: 'x', aggregatorPort: '8081' } })).toHaveLength(1);
    expect(problemsOf({ flags: { host: '0.0.0.0', allowRemote: 'perhaps' } })).toHaveLength(1);
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('do not include %s: only this machine reaches it', (host) => {
    expect(problemsOf({ flags: { host } })).toEqual([]);
  });

  it('do not include a remote host that is meant', () => {
    expect(problemsOf({ flags: { host: '0.0.0.0', allowRemote: true } })).toEqual([]);
  });
});

describe('settings of what is kept', () => {
  it('have defaults that lose nothing that was answered', () => {
    expect(settle({}).config.server).toMatchObject({ durability: 'update', fsync: 'always', keepUpdates: false });
  });

  it('are refused where nothing is kept, each with the fix', () => {
    const flags = { storage: 'memory', durability: 'round', fsync: 'commit', keepUpdates: true };
    expect(problemsOf({ flags })).toEqual([
      'Flag --durability: durability (--durability) says how things are kept, but nothing is kept with storage "memory"; leave --storage memory out, or leave --durability out.',
      expect.stringMatching(/^Flag --fsync: fsync \(--fsync\) says how things are kept/),
      expect.stringMatching(/^Flag --keep-updates: keepUpdates \(--keep-updates\) says how things are kept/),
    ]);
    expect(problemsOf({ flags: { storage: 'memory' } })).toEqual([]);
  });

  it('are refused with a demo that keeps nothing, and not with one that does', () => {
    const flags = { demo: 'digits', keepUpdates: true };
    expect(problemsOf({ flags })).toEqual([
      'Flag --keep-updates: keepUpdates (--keep-updates) says how things are kept, but the demo keeps nothing; add --data-dir with a new folder, or leave --keep-updates out.',
    ]);
    expect(problemsOf({ flags: { ...flags, dataDir: 'new' } })).toEqual([]);
  });

  it('do not ask to keep updates that are never written', () => {
    expect(problemsOf({ flags: { durability: 'round', keepUpdates: true } })).toEqual([
      expect.stringMatching(/^Flag --keep-updates: keepUpdates \(--keep-updates\) keeps nothing with durability/),
    ]);
    expect(problemsOf({ flags: { durability: 'round' } })).toEqual([]);
    expect(problemsOf({ flags: { keepUpdates: true, fsync: 'commit' } })).toEqual([]);
  });
});

import { expect, it } from 'vitest';
import { otherVariables, serveCliSettings } from '../../src/cli/config/catalogue.ts';
import { createProgram } from '../../src/cli/program.ts';
import { planSettings } from '../../src/domain/plan.ts';
import { settingProblem } from '../../src/domain/settings.ts';

it('has every setting of a plan, by flag, variable and key', () => {
  for (const name of Object.keys(planSettings)) {
    const setting = serveCliSettings.find((candidate) => candidate.name === name);
    expect(setting?.group).toBe('plan');
    expect(setting?.variable).toMatch(/^CHORUS_[A-Z_]+$/);
    expect(setting?.key).toBe(setting?.flag.slice(2));
  }
  const window = serveCliSettings.find(({ name }) => name === 'trainingWindowMs');
  expect(window).toMatchObject({
    flag: '--training-window-ms',
    variable: 'CHORUS_TRAINING_WINDOW_MS',
    key: 'training-window-ms',
  });
});

it('names nothing twice, and no setting like a variable of another purpose', () => {
  const names = serveCliSettings.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const variables = serveCliSettings.flatMap(({ variable }) => variable ?? []);
  expect(variables.filter((variable) => otherVariables.includes(variable))).toEqual([]);
});

it('has defaults that are legal values', () => {
  for (const { name, spec } of serveCliSettings) expect(settingProblem(name, spec, spec.default)).toBeNull();
});

it('shows every flag with its help, default, unit and variable', () => {
  const serve = createProgram().commands.find((command) => command.name() === 'serve');
  const help = serve?.helpInformation().replace(/\s+/g, ' ') ?? '';
  for (const { flag, spec, variable } of serveCliSettings) {
    expect(help).toContain(`${flag} `);
    expect(help).toContain(spec.help.replace(/\s+/g, ' '));
    if (variable) expect(help).toContain(variable);
  }
  expect(help).toContain('(default: 60000 ms, CHORUS_SELECTION_WINDOW_MS)');
});

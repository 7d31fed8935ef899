import type { SettingTable } from '../../domain/settings.ts';

/** Flags of the built-in demo. They describe what one start does, so a file or a variable does not set them. */
export const demoSettings = {
  demo: {
    kind: 'choice',
    default: 'none',
    choices: ['none', 'digits'],
    help: 'digits: trains a classifier of handwritten digits with simulated clients, prints its accuracy and ends.',
  },
  split: {
    kind: 'choice',
    default: 'two-digits',
    choices: ['two-digits', 'iid'],
    help: 'With demo: two-digits gives each client two of the ten digits, iid a fair sample.',
  },
  demoClients: { kind: 'integer', default: 20, min: 1, max: 100, help: 'With demo: how many clients take part.' },
  seed: {
    kind: 'integer',
    default: 1,
    min: 0,
    max: 2 ** 32 - 1,
    help: 'With demo: decides the clients’ data and their first weights.',
  },
} as const satisfies SettingTable;

export interface DemoSettings {
  readonly demo: 'none' | 'digits';
  readonly split: 'two-digits' | 'iid';
  readonly demoClients: number;
  readonly seed: number;
}

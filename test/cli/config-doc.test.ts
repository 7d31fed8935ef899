import { expect, it } from 'vitest';
import { configurationDoc, isStale } from '../../scripts/config-doc.ts';
import { serveCliSettings } from '../../src/cli/config/catalogue.ts';

it('keeps docs/configuration.md as the settings are; when this fails, run "npm run docs:config"', async () => {
  expect(await isStale()).toBe(false);
});

it('has every flag, variable and help text', () => {
  const doc = configurationDoc();
  for (const { flag, variable, spec } of serveCliSettings) {
    expect(doc).toContain(`\`${flag}\``);
    if (variable) expect(doc).toContain(`\`${variable}\``);
    expect(doc).toContain(spec.help);
  }
});

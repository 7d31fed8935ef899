import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { TestServer } from '../http/test-server.ts';
import { describeInChromium, goTo, open } from './browser.ts';

const plan = { rounds: 5, minClients: 2, quorum: 1, heartbeatTimeoutMs: 600_000, trainingWindowMs: 600_000 };

async function roundInTraining() {
  const server = await TestServer.forTest({ plan });
  const participants = await server.joinMany(2);
  for (const one of participants) await one.waitUntil('selected');
  return { server, participants };
}

describeInChromium('what an operator does', () => {
  it('can be tried out, changes nothing then, and is written down when it is done', async () => {
    const { server, participants } = await roundInTraining();
    const [first] = participants;
    const page = await open(server.coordinatorUrl, 'operate', { adminToken: server.adminToken });
    await page.getByRole('button', { name: 'What would happen? Pause' }).click();
    await page.getByRole('heading', { name: 'If it were done now' }).waitFor();
    expect(await page.locator('.tried li').first().textContent()).toMatch(/\w+.*\.$/);
    expect(server.handle.status().runState).toBe('running');

    await page.getByRole('button', { name: 'Pause…' }).click();
    await page.getByRole('button', { name: 'Pause the run' }).click();
    await expect.poll(() => server.handle.status().runState).toBe('pausing');
    const log = page.getByRole('region', { name: 'Audit log, newest first' });
    await log.getByRole('row').nth(1).waitFor();
    await page.getByText('hash chain holds').waitFor();

    const evict = page.getByRole('listitem').filter({ hasText: 'Evict a client' });
    await evict.getByLabel('Client id').fill(first?.clientId ?? '');
    await evict.getByRole('button', { name: 'Evict…' }).click();
    await page.getByRole('button', { name: 'Evict it' }).click();
    await expect.poll(() => server.stateOf(first?.clientId ?? '')).toBe('ignored');
    await log.getByRole('row').nth(2).waitFor();
  });

  it('chooses from the strategies that the server was given, by their own parameters', async () => {
    const own = fileURLToPath(new URL('../../examples/own-strategy/clipped-median.js', import.meta.url));
    const before = { strategy: 'trimmed-mean', strategyParameters: { trimRatio: 0.3 } } as const;
    const server = await TestServer.forTest({
      strategies: { own },
      plan: { ...plan, ...before, minClients: 3, quorum: 3 },
    });
    const { run = '' } = server.handle.run() ?? {};
    await server.joinMany(3);
    await server.event('clients.selected');
    server.handle.stopRun();
    const page = await open(server.coordinatorUrl, 'operate', { adminToken: server.adminToken });
    await page.getByLabel('Strategy', { exact: true }).selectOption('module:own');
    await page.getByLabel('Width', { exact: true }).fill('2000');
    await page.getByText('width is 2000; give a number from 0 to 1000.').waitFor();
    expect(await page.getByRole('button', { name: 'Start the run' }).isDisabled()).toBe(true);
    await page.getByLabel('Width', { exact: true }).fill('2.5');
    await page.getByLabel('Initial model', { exact: true }).selectOption('upload');
    await page.getByRole('button', { name: 'Start the run' }).click();
    await expect
      .poll(() => server.handle.run()?.plan)
      .toMatchObject({ strategy: 'module:own', strategyParameters: { width: 2.5 } });
    // The rounds of the run before tell by what strategy they went.
    await goTo(page, `rounds/${run}/1/1`);
    await page.getByText('trimmed-mean (trimRatio 0.3)').waitFor();
  }, 60_000);

  it('asks why a client was selected for a round, or was not', async () => {
    const filtered = { ...plan, selectionFilter: 'attributes.site == "north"' };
    const server = await TestServer.forTest({ plan: filtered });
    const [one, , other] = await Promise.all(
      ['north', 'north', 'south'].map((site) => server.join({ attributes: { site } })),
    );
    await one?.waitUntil('selected');
    const { run } = server.handle.rounds(1)[0] ?? { run: '' };
    const page = await open(server.coordinatorUrl, `rounds/${run}/1/1`);
    await page.getByText('is told to operators').waitFor();
    await page.close();

    const known = await open(server.coordinatorUrl, `rounds/${run}/1/1`, { adminToken: server.adminToken });
    const ask = async (clientId: string, answer: string) => {
      await known.getByLabel('Client id').fill(clientId);
      await known.getByRole('button', { name: 'Ask' }).click();
      await known.getByText(answer).waitFor();
    };
    await ask(one?.clientId ?? '', 'drawn: 2 of 2 were drawn with equal chance.');
    await ask(other?.clientId ?? '', 'filtered out: attributes.site is "south".');
    await ask('nobody', 'No client has the id nobody');
    await goTo(known, `clients/${other?.clientId}`);
    await known.getByText('filtered out: attributes.site is "south".').waitFor();
  }, 60_000);

  it('is kept from changing the past, which is shown as it was', async () => {
    const { server, participants } = await roundInTraining();
    for (const one of participants) await one.contribute([1, 2]);
    await server.event('round.committed');
    for (const one of participants) await one.waitUntil('selected');
    const page = await open(server.coordinatorUrl, 'timeline', { adminToken: server.adminToken });
    const slider = page.getByLabel('Entry of the event log');
    await page.getByText(/entries are kept: the last ones, in memory, until this server ends/).waitFor();
    await slider.focus();
    // Back to when the first round was in training, and nobody had contributed yet.
    const { entries, lastSeq } = await server.handle.history({ limit: 1_000 });
    const then = entries.find(({ sentence }) => sentence.startsWith('Training of 2 clients'))?.seq ?? 0;
    const shown = Number(await slider.inputValue());
    expect(shown).toBeLessThanOrEqual(lastSeq);
    for (let seq = shown; seq > then; seq -= 1) await page.keyboard.press('ArrowLeft');
    await page
      .locator('.then')
      .filter({ hasText: /^Training, round 1 of 5. Round 1 has 0 of 2/ })
      .waitFor();
    await goTo(page, 'run');
    await page.getByText(/^As of /).waitFor();
    await page.getByRole('heading', { name: 'Round 1 of 5' }).waitFor();
    await goTo(page, 'operate');
    await page.getByText('The past cannot be changed').waitFor();
    await page.getByRole('button', { name: 'Back to now' }).click();
    await goTo(page, 'run');
    await page.getByRole('heading', { name: 'Round 2 of 5' }).waitFor();
  });
});

import { expect, it } from 'vitest';
import { type Participant, updateOf } from '../http/participant.ts';
import { TestServer } from '../http/test-server.ts';
import { describeInChromium, goTo, open } from './browser.ts';

/** Rounds that wait for their clients for as long as a busy machine may need, and clients that are lost soon. */
const plan = {
  rounds: 9,
  minClients: 3,
  quorum: 2,
  heartbeatIntervalMs: 500,
  heartbeatTimeoutMs: 2_000,
  trainingWindowMs: 120_000,
};

/** Trains whenever it is selected, until the server is gone. */
function work(participant: Participant, loss: (round: number) => number): void {
  participant.stayAlive();
  const loop = async () => {
    for (;;) {
      const { round } = await participant.waitUntil('selected');
      await participant.start();
      await participant.upload(updateOf([1, 2, 3], 10, { loss: loss(round), accuracy: 1 - loss(round) / 2 }));
    }
  };
  // When the server is gone, so is the reason to go on.
  void loop().catch(() => undefined);
}

describeInChromium('the dashboard during a run', () => {
  it('shows rounds rise, and draws loss, accuracy and phases', async () => {
    const server = await TestServer.forTest({ plan });
    const page = await open(server.coordinatorUrl, 'run');
    await page
      .getByText('No round is committed yet')
      .or(page.getByText('Clients have reported no metrics yet'))
      .first()
      .waitFor();
    const heading = page.getByRole('region', { name: 'Now' }).getByRole('heading');
    expect(await heading.textContent()).toBe('Round 1 of 9');
    for (const participant of await server.joinMany(3)) work(participant, (round) => 1 / round);
    await page.getByText('Round 4 committed model version 4').first().waitFor();
    const risen = Number(/Round (\d+)/.exec((await heading.textContent()) ?? '')?.[1]);
    expect(risen).toBeGreaterThanOrEqual(4);

    const plots = page.locator('.plot canvas');
    await plots.nth(4).waitFor();
    const inks = await plots.evaluateAll((canvases) =>
      canvases.map((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const pixels = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
        const seen = new Set<string>();
        for (let at = 0; at < pixels.length; at += 4) {
          if (pixels[at + 3] === 255) seen.add(`${pixels[at]} ${pixels[at + 1]} ${pixels[at + 2]}`);
        }
        return seen.size;
      }),
    );
    // Axes alone are drawn in two colours.
    expect(Math.min(...inks.slice(0, 4))).toBeGreaterThan(2);
    expect(await page.getByRole('img', { name: /^Loss by round, rounds 1 to/ }).count()).toBe(1);
  });

  it('names the client that is waited for, and then shows it as excluded, with its reason', async () => {
    const server = await TestServer.forTest({ plan: { ...plan, rounds: 1 } });
    const page = await open(server.coordinatorUrl, 'run');
    const [first, second, lost] = await server.joinMany(3);
    if (!first || !second || !lost) throw new Error('Three have joined');
    for (const one of [first, second]) one.stayAlive();
    const beats = setInterval(() => void lost.beat().catch(() => undefined), 300);
    await Promise.all([first, second, lost].map((one) => one.waitUntil('selected')));
    await lost.start();
    await first.contribute([1, 2]);
    await second.contribute([3, 4]);

    const waiting = page.locator('.waiting');
    await waiting
      .getByText(`2 of 3 updates (quorum 2); waiting for ${lost.clientId.slice(0, 8)} (1 training`)
      .waitFor();
    expect(await page.getByRole('timer').textContent()).toMatch(/^\d:\d\d$/);

    clearInterval(beats);
    await page
      .getByText(`${lost.clientId.slice(0, 8)} is out – lost: no heartbeat came in time.`)
      .first()
      .waitFor();
    await page.getByText('Round 1 committed model version 1').first().waitFor();
    await goTo(page, 'rounds');
    await page.getByRole('link', { name: '1', exact: true }).click();
    const row = page.getByRole('row').filter({ hasText: lost.clientId.slice(0, 8) });
    await row.getByText('Lost: no heartbeat came in time').waitFor();
    const accepted = page.getByRole('row').filter({ hasText: first.clientId.slice(0, 8) });
    expect(await accepted.textContent()).toContain('Accepted');
    expect(await page.locator('.shapes').textContent()).toContain('-v[]+^');
  });

  it('tells whose updates a robust strategy left out of the model, and which version is the best', async () => {
    const robust = { strategy: 'krum', strategyParameters: { byzantineMax: 0 }, stopMetric: 'accuracy' } as const;
    const server = await TestServer.forTest({
      plan: { ...plan, ...robust, rounds: 2, quorum: 3, heartbeatTimeoutMs: 600_000 },
    });
    const participants = await server.joinMany(3);
    for (const [index, one] of participants.entries()) {
      await one.waitUntil('selected');
      await one.start();
      await one.upload(updateOf([index], 10, { accuracy: 0.5 }));
    }
    await server.event('round.committed');
    const { run } = server.handle.rounds(1)[0] ?? { run: '' };
    const page = await open(server.coordinatorUrl, `rounds/${run}/1/1`);
    await page.getByText('krum (byzantineMax 0)').waitFor();
    await page.getByText('1 of 3 updates; the strategy left 2 out').waitFor();
    await page.getByText('version 1, the best so far').waitFor();
    const verdicts = await page.locator('.cohort tbody tr td:nth-of-type(3)').allTextContents();
    expect(verdicts.sort()).toEqual(['Accepted', 'Left out', 'Left out']);
    await goTo(page, 'rounds');
    await page.getByText(', 1 used').waitFor();
    await goTo(page, 'run');
    await page.getByText('krum', { exact: true }).waitFor();
  });

  it('pauses and resumes the run, each asked for once', async () => {
    const server = await TestServer.forTest({ plan });
    const { coordinatorUrl, adminToken } = server;
    const page = await open(coordinatorUrl, 'operate');
    await page.getByLabel('Admin token').fill('not the token, but long enough');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByText('Admin token missing or wrong').waitFor();
    await page.getByLabel('Admin token').fill(adminToken);
    await page.getByRole('button', { name: 'Use it' }).click();

    await page.getByRole('button', { name: 'Pause…' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(server.handle.status().runState).toBe('running');

    await page.getByRole('button', { name: 'Pause…' }).click();
    await page.getByRole('button', { name: 'Pause the run' }).click();
    await page.getByText('The run is paused').first().waitFor();
    expect(server.handle.status().runState).toBe('paused');

    await page.getByRole('button', { name: 'Resume…' }).click();
    await page.getByRole('button', { name: 'Resume the run' }).click();
    await expect.poll(() => server.handle.status().runState).toBe('running');
    await page.getByRole('button', { name: 'Pause…' }).isEnabled();
  });

  it('starts a run from a plan that was filled in, and says what is wrong with it before', async () => {
    const server = await TestServer.forTest({ autoStart: false });
    const page = await open(server.coordinatorUrl, 'operate', { adminToken: server.adminToken });
    const rounds = page.getByLabel('Rounds', { exact: true });
    await rounds.fill('0');
    await page.getByText('rounds is 0; give a whole number from 1 to 1000000.').waitFor();
    expect(await page.getByRole('button', { name: 'Start the run' }).isDisabled()).toBe(true);
    await rounds.fill('4');
    await page.getByLabel('Hyperparameters', { exact: true }).fill('learningRate = 0.5\nname = tiny');
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.getByRole('heading', { name: 'Round 1 of 4' }).waitFor();
    expect(server.handle.run()?.plan).toMatchObject({
      rounds: 4,
      hyperparameters: { learningRate: 0.5, name: 'tiny' },
    });
  });

  it('comes back by itself when the server was gone, and shows the new one', async () => {
    const before = await TestServer.start({ plan });
    const page = await open(before.coordinatorUrl, 'run', { losesServer: true });
    await page.getByText('Live', { exact: true }).waitFor();
    await before.close();
    await page.getByText('Not connected').waitFor();
    const { port } = new URL(before.coordinatorUrl);
    const { createChorus } = await import('../../src/index.ts');
    const after = await createChorus({ plan: { ...plan, rounds: 7 }, foldThreads: 1 });
    try {
      await after.listen({ coordinator: Number(port), aggregator: 0 });
      await page.getByRole('heading', { name: 'Round 1 of 7' }).waitFor();
      await page.getByText('Live', { exact: true }).waitFor();
    } finally {
      await page.close();
      await after.close({ graceMs: 200 });
    }
  });
});

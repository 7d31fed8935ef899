import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { everyView } from '../../scripts/dashboard-load/walk.ts';
import type { Participant } from '../http/participant.ts';
import { TestServer } from '../http/test-server.ts';
import { describeInChromium, goTo, open } from './browser.ts';

let server: TestServer;
let participants: Participant[];

/** One committed round, and another that is in training. */
async function twoRounds(): Promise<void> {
  server = await TestServer.start({
    inspectPage: true,
    plan: { rounds: 3, minClients: 3, heartbeatTimeoutMs: 600_000 },
  });
  participants = await server.joinMany(3);
  for (const one of participants) await one.waitUntil('selected');
  for (const one of participants) await one.contribute([1, 2]);
  for (const one of participants) await one.waitUntil('selected');
}

describeInChromium('the dashboard for everybody', () => {
  beforeAll(twoRounds, 60_000);
  afterAll(() => server.close());

  it.each(['light', 'dark'] as const)(
    'has no accessibility violation on any view, %s',
    async (theme) => {
      const page = await open(server.coordinatorUrl, 'run', { theme, adminToken: server.adminToken });
      for (const { view, path, ready } of everyView(server.handle)) {
        await goTo(page, path);
        await page.locator(ready).first().waitFor();
        const { violations } = await new AxeBuilder({ page }).analyze();
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
        expect(found, view).toEqual([]);
      }
    },
    120_000,
  );

  it.each([360, 768, 1280, 1920])(
    'needs no sideways scrolling at %i pixels',
    async (width) => {
      const page = await open(server.coordinatorUrl, 'run', { width, adminToken: server.adminToken });
      for (const { view, path, ready } of everyView(server.handle)) {
        await goTo(page, path);
        await page.locator(ready).first().waitFor();
        const tooWide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(tooWide, view).toBeLessThanOrEqual(0);
      }
    },
    120_000,
  );

  it('can be gone through by keyboard', async () => {
    const page = await open(server.coordinatorUrl, 'run');
    await page.locator('.plot canvas').first().waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.getByRole('link', { name: 'Statecharts' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('.drawing svg .active').first().waitFor();
    const drawing = page.getByRole('region', { name: /^Drawing/ });
    const seen = () => page.locator('.drawing svg.chart').getAttribute('viewBox');
    await drawing.focus();
    await page.keyboard.press('0');
    const whole = await seen();
    await page.keyboard.press('+');
    await expect.poll(seen).not.toBe(whole);
  });

  it('says the phase to screen readers, and tells each chart in words and as a table', async () => {
    const page = await open(server.coordinatorUrl, 'run');
    await page.getByRole('status').getByText('Round 2 of 3: training').waitFor({ state: 'attached' });
    await page.getByRole('img', { name: /^Contributions by round, rounds 1 to 1\. contributions: latest 3/ }).waitFor();
    await page.getByText('As a table: Contributions by round').click();
    const table = page.getByRole('region', { name: 'Contributions by round, as a table' });
    expect(await table.getByRole('row').allTextContents()).toEqual(['Roundcontributions', '13']);
  });

  it('moves a statechart with one finger, and zooms it with two', async () => {
    const page = await open(server.coordinatorUrl, 'charts/round', { width: 360 });
    await page.locator('[data-state="round.training"].active').waitFor();
    const drawing = page.getByRole('region', { name: /^Drawing/ });
    const box = await drawing.boundingBox();
    if (!box) throw new Error('The drawing has no place');
    const seen = async () => {
      const [x = 0, y = 0, width = 0] = ((await page.locator('.drawing svg.chart').getAttribute('viewBox')) ?? '')
        .split(' ')
        .map(Number);
      return { x, y, width };
    };
    const tools = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: [number, number][]) =>
      tools.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: points.map(([x, y], id) => ({ id, x: box.x + x, y: box.y + y })),
      });
    const before = await seen();
    await touch('touchStart', [150, 150]);
    await touch('touchMove', [150, 110]);
    await touch('touchEnd');
    await expect.poll(async () => (await seen()).y).toBeGreaterThan(before.y);
    const moved = await seen();
    expect(moved.width).toBe(before.width);
    await touch('touchStart', [140, 150], [160, 150]);
    await touch('touchMove', [110, 150], [190, 150]);
    await touch('touchEnd');
    await expect.poll(async () => (await seen()).width).toBeLessThan(moved.width);
  });

  it('shows where one is in a statechart on a small map, and goes where that is pressed', async () => {
    const page = await open(server.coordinatorUrl, 'charts/round');
    await page.locator('[data-state="round.training"].active').waitFor();
    const top = async () => Number((await page.locator('.drawing svg.chart').getAttribute('viewBox'))?.split(' ')[1]);
    const map = page.locator('.chart-map');
    await map.locator('.active').first().waitFor();
    await map.click({ position: { x: 40, y: 6 } });
    await expect.poll(top).toBeLessThanOrEqual(0);
    expect(Number(await map.locator('.frame').getAttribute('y'))).toBe(await top());
    await page.getByRole('button', { name: 'Follow', pressed: false }).waitFor();
    await page.getByRole('button', { name: 'Whole' }).click();
    await map.waitFor({ state: 'hidden' });
  });

  it('lights the states of the live machines and tells who sent an event', async () => {
    const page = await open(server.coordinatorUrl, 'charts/round', { adminToken: server.adminToken });
    await page.locator('[data-state="round.training"].active').waitFor();
    await page.getByText(/trainingDeadline passes in/).waitFor();
    await page.getByRole('button', { name: 'membership.changed' }).click();
    await page
      .getByText(/from (coordinator|the server)/)
      .first()
      .waitFor();
    await page.getByText('Live: each transition, as the machine itself tells it.').waitFor();
    await page.locator('.drawing .label', { hasText: 'selection.made' }).first().click();
    await page.getByRole('heading', { name: 'Who sent selection.made' }).waitFor();
    await page.getByPlaceholder('Find a state or event').fill('quorum');
    await page.getByText(/^[1-9]\d* found$/).waitFor();
    await goTo(page, `charts/client/${participants[0]?.clientId}`);
    await page.locator('[data-state="client.selected"].active').waitFor();
  });

  it('says what is not told where the server tells no transitions, and shows what the status and the events do', async () => {
    const plain = await TestServer.forTest({ plan: { rounds: 3, minClients: 3, heartbeatTimeoutMs: 600_000 } });
    const [first, ...others] = await plain.joinMany(3);
    for (const one of [first, ...others]) await one?.waitUntil('selected');
    await first?.contribute([1, 2]);
    const page = await open(plain.coordinatorUrl, 'charts/round');
    await page.locator('[data-state="round.training"].active').waitFor();
    await page.getByText(/Read off the status a few times a second/).waitFor();
    await page.getByText(/trainingDeadline passes in/).waitFor();
    await page.getByText('1 of 3, does not hold').waitFor();
    await page.getByRole('button', { name: 'update.accepted' }).click();
    await page.getByText(`about ${first?.clientId.slice(0, 8)}`).waitFor();
    await page.getByText('Events of its other states').click();
    await page.getByRole('button', { name: 'done: commit' }).click();
    await page.getByText('Not among the last events.').waitFor();
  });
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Participant, updateOf } from '../http/participant.ts';
import { TestServer } from '../http/test-server.ts';
import { describeInChromium, goTo, open } from './browser.ts';

const markup = `"'><img id="taken" src="https://evil.example/" onerror="document.title='taken'">`;
const link = 'javascript:document.title="taken"';

let server: TestServer;
let client: Participant;

beforeAll(async () => {
  server = await TestServer.start({
    inspectPage: true,
    plan: { rounds: 2, minClients: 1, heartbeatTimeoutMs: 600_000 },
  });
  client = await server.join({ name: markup, attributes: { [link.slice(0, 64)]: markup, site: link } });
  await client.start();
  await client.upload(updateOf([1, 2], 1, { [markup]: 1, loss: 0.5 }));
  await server.model(1);
}, 60_000);
afterAll(() => server.close());

describeInChromium('what clients call themselves and their metrics', () => {
  it('is text on every view of the operator, and never markup, a script or a link', async () => {
    const page = await open(server.coordinatorUrl, 'clients', { adminToken: server.adminToken });
    await page.getByText(markup).first().waitFor();
    const title = await page.title();
    const { run } = server.handle.rounds(1)[0] ?? {};
    for (const [path, ready] of [
      ['clients', '.clients tbody tr'],
      [`clients/${client.clientId}`, '.client-detail tbody tr'],
      ['run', '.plot canvas'],
      ['rounds', '.rounds tbody tr'],
      [`rounds/${run}/1/1`, '.cohort tbody tr'],
      ['timeline', '.slider, .empty'],
      ['operate', '.start-run .field'],
    ] as const) {
      await goTo(page, path);
      await page.locator(ready).first().waitFor();
      expect(await page.locator('#taken, [href^="javascript:"]').count(), path).toBe(0);
    }
    expect(await page.title()).toBe(title);
  }, 60_000);
});

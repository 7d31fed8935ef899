import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

describe.each(['coordinator', 'aggregator'] as const)(
  'pages of the %s that are loaded when they are asked for',
  (name) => {
    const origin = () => (name === 'coordinator' ? server.coordinatorUrl : server.aggregatorUrl);

    it('are answered to the first who ask, all at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => fetch(`${origin()}/docs/static/swagger-ui.css`)),
      );
      const texts = await Promise.all(answers.map((answer) => answer.text()));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect(new Set(texts).size).toBe(1);
      expect(texts[0]).toContain('.swagger-ui');
    });

    it('are told by their head alone, and not sent to who has them', async () => {
      const url = `${origin()}/docs/static/swagger-ui.css`;
      const whole = await fetch(url);
      const length = String((await whole.arrayBuffer()).byteLength);
      const head = await fetch(url, { method: 'HEAD' });
      expect(head.headers.get('content-length')).toBe(length);
      expect(await head.text()).toBe('');
      // Else `fetch` would ask for no cached answer.
      const headers = { 'if-none-match': whole.headers.get('etag') ?? '', 'cache-control': 'max-age=0' };
      const known = await fetch(url, { headers });
      expect(known.status).toBe(304);
    });

    it('are none besides those that there are', async () => {
      for (const path of ['/docs/nothing', '/docs/static/nothing', '/docs/static/..%2f..%2fpackage.json']) {
        const answer = await fetch(origin() + path);
        expect(answer.status).toBe(404);
        expect(await answer.json()).toMatchObject({ code: 'NOT_FOUND' });
      }
      const posted = await fetch(`${origin()}/docs`, { method: 'POST' });
      expect(posted.status).toBe(405);
      expect(posted.headers.get('allow')).toBe('GET, HEAD');
    });
  },
);

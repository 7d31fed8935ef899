import { afterEach, describe, expect, it, vi } from 'vitest';
import { TestServer } from './test-server.ts';

const dayMs = 86_400_000;

describe('a wall clock that is set', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('makes the server neither older nor younger', async () => {
    const server = await TestServer.forTest({ plan: { minClients: 3 } });
    const uptimeMs = async () => (await server.ask('GET', '/v1/status')).json.uptimeMs;
    const before = await uptimeMs();
    vi.useFakeTimers({ toFake: ['Date'] });
    for (const byMs of [dayMs, -dayMs]) {
      vi.setSystemTime(Date.now() + byMs);
      const now = await uptimeMs();
      expect(now).toBeGreaterThanOrEqual(before);
      expect(now).toBeLessThan(before + dayMs / 2);
    }
  });
});

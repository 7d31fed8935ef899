import type { CoordinatorHandle } from '../../src/domain/handle.ts';

const publishEveryMs = 25;
/** A client joins with every so many events, and a phase begins: pages then ask anew for rounds, models and the run. */
const joinEvery = 50;
const phaseEvery = 400;

/** Publishes events as a very busy round would: the feed is the server's own. @returns a function that ends it, and tells how many there were. */
export function publishEvents(handle: CoordinatorHandle, perSecond: number): () => number {
  const feed = handle.events as unknown as { publish(type: string, data: Record<string, unknown>): void };
  const beganMs = performance.now();
  let sent = 0;
  const publish = () => {
    sent += 1;
    const clientId = `${String(sent).padStart(8, '0')}-0000-8000-8000-000000000000`;
    const data = { round: 1, clientId, sha256: 'ab'.repeat(32), numExamples: sent, metrics: { loss: 0.5 } };
    feed.publish('update.accepted', data);
    if (sent % joinEvery === 0) handle.rendezvous({});
    if (sent % phaseEvery === 0) feed.publish('phase', { phase: 'training', round: 1, attempt: 1 });
  };
  // By the clock, so that a timer that is late loses nothing.
  const timer = setInterval(() => {
    const due = ((performance.now() - beganMs) / 1_000) * perSecond;
    while (sent < due) publish();
  }, publishEveryMs);
  return () => {
    clearInterval(timer);
    return sent;
  };
}

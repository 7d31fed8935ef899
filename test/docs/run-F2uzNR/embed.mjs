import { createChorus } from 'chorus-fl';

const chorus = await createChorus({ plan: { rounds: 3, minClients: 2 }, storage: { dir: "/tmp/w-perf/test/docs/run-F2uzNR/data" } });
chorus.handle.events.subscribe(({ type, data }) => {
  if (type === 'round.committed') console.log(`round ${data.round}: model version ${data.modelVersion}`);
});
const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
console.log(`${coordinatorUrl}: ${chorus.handle.status().waitingFor.summary}`);

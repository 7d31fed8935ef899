/** The server that is measured, in a process of its own: a run that never ends, and no bound on one client's heartbeats. */
import { createChorus } from '../../src/index.ts';

const port = Number(process.argv[2]);
const chorus = await createChorus({
  foldThreads: 1,
  plan: { rounds: 1_000_000, cohortSize: 8, overSelection: 1.5, quorum: 4, trainingWindowMs: 10_000 },
  http: { limits: { requestsPerClientMax: 1_000_000_000, requestsPerAddressMax: 1_000_000_000 } },
});
await chorus.listen({ coordinator: port, aggregator: port + 1 });

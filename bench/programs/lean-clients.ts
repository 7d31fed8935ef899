/** Clients that take part at once in every round they are selected for: held heartbeats, instant training, one upload. */
import { Connection, requestHead } from '../support/connection.ts';
import { modelFile } from '../support/model-file.ts';
import { serveCommands } from './serve-commands.ts';

interface Client {
  clientId: string;
  clientToken: string;
}

interface Join {
  coordinator: number;
  aggregator: number;
  clients: Client[];
  parameters: number;
}

async function takePart({ clientId, clientToken }: Client, { coordinator, aggregator }: Join, update: Uint8Array) {
  const control = await Connection.open(coordinator);
  const data = await Connection.open(aggregator);
  const json = 'Content-Type: application/json';
  const train = requestHead('POST', `/v1/clients/${clientId}/training`, clientToken);
  let known = { state: 'standby', round: 0 };
  for (;;) {
    const told = Buffer.from(JSON.stringify(known));
    const headers = ['Prefer: wait=60', json, `Content-Length: ${told.length}`];
    const path = `/v1/clients/${clientId}/heartbeat`;
    const heartbeat = await control.request(requestHead('POST', path, clientToken, headers), told);
    const { state, round } = JSON.parse(heartbeat.body);
    known = { state, round };
    if (state !== 'selected') continue;
    const ticket = await control.request(train);
    if (ticket.status !== 200) continue;
    const { trainingToken, round: its } = JSON.parse(ticket.body);
    const upload = [`Content-Length: ${update.byteLength}`];
    await data.request(requestHead('PUT', `/v1/rounds/${its}/updates/${clientId}`, trainingToken, upload), update);
    known = { state: 'standby', round: its };
  }
}

serveCommands({
  /** They take part until this process ends. */
  join: (join: Join) => {
    const update = modelFile(join.parameters).bytes;
    for (const client of join.clients) {
      takePart(client, join, update).catch((error: unknown) => {
        console.error(error);
        process.exit(1);
      });
    }
  },
});

/** A bare Fastify route that returns a constant: what a heartbeat over HTTP is held against. */
import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import { serveCommands } from './serve-commands.ts';

const constant = { state: 'standby', run: '00000000-0000-4000-8000-000000000000', round: 1, retryAfterMs: 5_000 };
const app = fastify();
app.post('/v1/clients/:clientId/heartbeat', async () => constant);
await app.listen({ host: '127.0.0.1', port: 0 });
const { port } = app.server.address() as AddressInfo;
serveCommands({ port: () => port });

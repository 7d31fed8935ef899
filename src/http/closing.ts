import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Mends what Node takes for an idle connection when a server closes. One whose answer was handed over is cut although it
 * is still being sent: closing waits for that. One on which nothing was asked yet is waited for: that is cut.
 */
export function closeGently(app: FastifyInstance): void {
  const silent = new Set<Socket>();
  const answers = new Set<ServerResponse>();
  app.server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  app.addHook('onRequest', async ({ raw: { socket } }, { raw: answer }) => {
    silent.delete(socket);
    answers.add(answer);
    answer.once('close', () => answers.delete(answer));
  });
  app.addHook('preClose', async () => {
    const sending = [...answers].filter(({ writableEnded }) => writableEnded);
    await Promise.all(sending.map((answer) => once(answer, 'close')));
    for (const socket of silent) socket.destroy();
  });
}

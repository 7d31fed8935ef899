import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** Something was asked on a connection, and this is its answer, or will be: closing waits until it is sent. */
    answering: (socket: Socket, answer: ServerResponse) => void;
  }
}

/**
 * Mends what Node takes for an idle connection when a server closes. One whose answer was handed over is cut although it
 * is still being sent: closing waits for that. One on which nothing was asked yet is waited for: that is cut.
 */
export function closeGently(app: FastifyInstance): void {
  const silent = new Set<Socket>();
  /** Forgotten with their connection: what waits behind an answer that ends it is never sent, and never closed. */
  const answersOf = new Map<Socket, Set<ServerResponse>>();
  app.server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  app.decorate('answering', (socket: Socket, answer: ServerResponse) => {
    silent.delete(socket);
    // The kernel has all of it already, or nobody wants it.
    if (answer.writableFinished || socket.destroyed) return;
    const answers = answersOf.get(socket) ?? new Set();
    if (!answersOf.has(socket)) {
      answersOf.set(socket, answers);
      socket.once('close', () => answersOf.delete(socket));
    }
    answers.add(answer);
    answer.once('close', () => answers.delete(answer));
  });
  app.addHook('onRequest', async ({ raw: { socket } }, { raw: answer }) => app.answering(socket, answer));
  app.addHook('preClose', async () => {
    const sent = [...answersOf].map(async ([socket, answers]) => {
      const sending = [...answers].filter(({ writableEnded }) => writableEnded);
      await Promise.race([closed(socket), Promise.all(sending.map(closed))]);
    });
    await Promise.all(sent);
    for (const socket of silent) socket.destroy();
  });
}

const closed = (what: Socket | ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    what.once('close', () => resolve());
  });

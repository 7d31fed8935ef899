/** A bare `node:http` server: discards bodies, and answers GET with a buffer of as many bytes as the path says. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveCommands } from './serve-commands.ts';

const buffers = new Map<number, Buffer>();
const bufferOf = (bytes: number): Buffer => {
  const buffer = buffers.get(bytes) ?? Buffer.alloc(bytes, 1);
  buffers.set(bytes, buffer);
  return buffer;
};
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(bufferOf(Number(request.url?.slice(1))));
    return;
  }
  request.on('data', () => undefined).on('end', () => response.end('ok'));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serveCommands({ port: () => port });
});

import { describe, expect, it } from 'vitest';
import { readPlainRequest } from '../../../src/http/front-door/request-head.ts';

const id = '86d8f4f0-974c-88b8-a874-92a286d8f4f0';
const upload = [
  `PUT /v1/rounds/3/updates/${id} HTTP/1.1`,
  'Host: 127.0.0.1:8082',
  'Authorization: Bearer abc',
  'Content-Length: 12',
];
const read = (lines: readonly string[]) => readPlainRequest(lines.join('\r\n'));
const withLine = (line: string) => read([...upload, line]);
const replaced = (index: number, line: string) => read(upload.with(index, line));

describe('the front door', () => {
  it('takes plain uploads and downloads', () => {
    expect(read(upload)).toMatchObject({
      kind: 'upload',
      round: 3,
      clientId: id,
      token: 'abc',
      contentLength: 12,
      keepAlive: true,
    });
    expect(withLine('connection: close')).toMatchObject({ keepAlive: false });
    expect(read(['GET /v1/rounds/1/model HTTP/1.1', 'host: x', 'authorization: bearer t'])).toMatchObject({
      kind: 'download',
      round: 1,
    });
  });

  it.each([
    ['another method', replaced(0, `POST /v1/rounds/3/updates/${id} HTTP/1.1`)],
    ['another version of HTTP', replaced(0, `PUT /v1/rounds/3/updates/${id} HTTP/1.0`)],
    ['another path', replaced(0, `PUT /v1/rounds/3/updates/${id}/x HTTP/1.1`)],
    ['a query', replaced(0, `PUT /v1/rounds/3/updates/${id}?a=1 HTTP/1.1`)],
    ['a round of 0', replaced(0, `PUT /v1/rounds/0/updates/${id} HTTP/1.1`)],
    ['an absolute target', replaced(0, `PUT http://127.0.0.1/v1/rounds/3/updates/${id} HTTP/1.1`)],
    ['two spaces', replaced(0, `PUT  /v1/rounds/3/updates/${id} HTTP/1.1`)],
    ['no host', read(upload.toSpliced(1, 1))],
    ['no token', read(upload.toSpliced(2, 1))],
    ['another scheme', replaced(2, 'Authorization: Basic abc')],
    ['no length', read(upload.toSpliced(3, 1))],
    ['a signed length', replaced(3, 'Content-Length: +12')],
    ['a length in hexadecimal', replaced(3, 'Content-Length: 0x12')],
    ['a length with leading zeros', replaced(3, 'Content-Length: 012')],
    ['a list of lengths', replaced(3, 'Content-Length: 12, 12')],
    ['two lengths', withLine('Content-Length: 12')],
    ['a chunked body', withLine('Transfer-Encoding: chunked')],
    ['a coding in disguise', withLine('Transfer-Encoding : chunked')],
    ['a client that asks first', withLine('Expect: 100-continue')],
    ['a compressed body', withLine('Content-Encoding: gzip')],
    ['an upgrade', withLine('Upgrade: h2c')],
    ['a page of a browser', withLine('Origin: http://elsewhere.example')],
    ['a folded line', withLine(' folded: yes')],
    ['a header without a colon', withLine('nonsense')],
    ['a header without a name', withLine(': x')],
    ['a space before the colon', withLine('X-Thing : 1')],
    ['a bare line feed', withLine('X-A: 1\nTransfer-Encoding: chunked')],
    ['a bare carriage return', withLine('X-A: 1\rX-B: 2')],
    ['a zero byte', withLine('X-A: \0')],
    ['a byte beyond ASCII', withLine('X-A: \u00e9')],
    ['an odd connection', withLine('Connection: keep-alive, x-a')],
    [
      'a download with a body',
      read(['GET /v1/rounds/1/model HTTP/1.1', 'host: x', 'authorization: Bearer t', 'content-length: 3']),
    ],
  ])('leaves %s to the HTTP server', (_, request) => {
    expect(request).toBeNull();
  });
});

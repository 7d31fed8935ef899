// A participant written for XAIN's HTTP API of 2020, as a plain script: node participant.mjs COORDINATOR INDEX DTYPE COUNTED
// It knows nothing of this repository. One loop sends heartbeats, another trains when a heartbeat said `round`; every
// call opens a connection of its own; any status but 200 ends it with code 1. A refused start of training does not stop
// it from going on with the aggregator and token it had. What it received and sent goes to standard output, as JSON lines.
import { Buffer } from 'node:buffer';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const [coordinator, indexText, dtype, counted] = process.argv.slice(2);
const index = Number(indexText);
const heartbeatMs = 15;
const isDouble = dtype === '<f8';
const size = isDouble ? 8 : 4;
const shape = isDouble ? [5] : [2, 3];
const length = shape.reduce((product, one) => product * one, 1);

function call(method, base, path, body) {
  // Paths of URLs are dropped.
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-length': body.length } : {};
    const call = request({ method, hostname, port, path: `/${path}`, headers, agent: false }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(pieces);
        if (response.statusCode !== 200) reject(new Error(`${method} /${path}: ${response.statusCode} ${bytes}`));
        else resolve({ bytes, type: response.headers['content-type'] });
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

const ask = async (path) => JSON.parse((await call('GET', coordinator, path)).bytes.toString());
const log = (line) => process.stdout.write(`${JSON.stringify({ index, ...line })}\n`);

function readWeights(bytes) {
  if (bytes.length === 0) return null;
  const headerBytes = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + headerBytes);
  if (!header.includes(`'descr': '${dtype}'`) || !header.includes("'fortran_order': False")) throw new Error(header);
  const values = bytes.subarray(10 + headerBytes);
  return Array.from({ length: values.length / size }, (_, at) =>
    isDouble ? values.readDoubleLE(at * size) : values.readFloatLE(at * size),
  );
}

function writeWeights(weights) {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const header = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`.padEnd(117);
  const lead = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]);
  const values = Buffer.alloc(weights.length * size);
  weights.forEach((weight, at) => {
    if (isDouble) values.writeDoubleLE(weight, at * size);
    else values.writeFloatLE(weight, at * size);
  });
  return Buffer.concat([lead, Buffer.from(`${header}\n`), values]);
}

let state = 'waiting';
let round = -1;
let isOver = false;
let aggregator = null;

async function beat(id) {
  while (!isOver) {
    const heard = await ask(`heartbeat/${id}`);
    if (heard.state === 'round') {
      state = 'training';
      round = heard.round;
    } else if (heard.state === 'stand_by') state = 'waiting';
    else state = 'done';
    if (heard.state === 'reject') throw new Error('rejected');
    await delay(heartbeatMs);
  }
}

async function train(id) {
  const started = await ask(`start_training/${id}`);
  if (started.ok) aggregator = started;
  else state = 'waiting';
  if (!aggregator) throw new Error('it may not train, and has never trained');
  const { url, token } = aggregator;
  const received = readWeights((await call('GET', url, `${id}/${token}`)).bytes);
  const trained = round;
  const weights = Array.from({ length }, (_, at) => trained * 8 + index + at / 8);
  const count = counted === 'yes' ? 1 + index * 3 + trained : 0;
  const countBytes = Buffer.alloc(4);
  countBytes.writeUInt32BE(count);
  log({ id, token, round: trained, received, sent: weights, count });
  const { type } = await call('POST', url, `${id}/${token}`, Buffer.concat([countBytes, writeWeights(weights)]));
  if (type === 'application/json') throw new Error('an empty answer that says it is JSON');
  state = 'waiting';
}

async function main() {
  const { id } = await ask('rendez_vous');
  const beating = beat(id);
  const failed = new Promise((_, reject) => beating.catch(reject));
  while (state !== 'done') {
    if (state === 'training') await Promise.race([train(id), failed]);
    else await Promise.race([delay(5), failed]);
  }
  isOver = true;
  await beating;
}

await main();

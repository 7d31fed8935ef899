import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Chorus, createChorus } from '../../src/chorus.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { codeBlocks, type Page, readPage, rootPath, sectionOf } from './pages.ts';

const run = promisify(execFile);
/** What the docs call the coordinator's port; the tests take free ones. */
const documentedUrl = 'http://127.0.0.1:8081';
const runMsMax = 20_000;

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** Blocks of one section, as they stand there. */
function blocksOf(page: Page, heading: string, language: string): string[] {
  const section = { ...page, text: sectionOf(page, heading) };
  return codeBlocks(section)
    .filter((block) => block.language === language)
    .map(({ code }) => code);
}

function onlyBlock(page: Page, heading: string, language: string): string {
  const [block, ...more] = blocksOf(page, heading, language);
  if (block === undefined || more.length > 0)
    throw new Error(`${page.path}, ${heading}: one ${language} block expected`);
  return block;
}

/** The same text put in for a documented one, which must be there. */
function put(code: string, documented: string, instead: string): string {
  expect(code).toContain(documented);
  return code.replaceAll(documented, instead);
}

/** In the repository, so that the package is found under its own name. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(rootPath, 'test/docs/run-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function save(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe('the examples of the README', () => {
  const readme = readPage('README.md');
  const embedding = onlyBlock(readme, 'Embedding in ten lines', 'js');
  const client = onlyBlock(readme, 'A client in ten lines', 'js');

  it('have ten lines at most', () => {
    for (const block of [embedding, client])
      expect(block.trim().split('\n').filter(Boolean).length).toBeLessThanOrEqual(10);
  });

  it('run as they are: the server embeds, and clients train with it to the end', async () => {
    const atFreePorts = put(embedding, 'listen()', 'listen({ coordinator: 0, aggregator: 0 })');
    const server = spawn(
      'node',
      [save('embed.mjs', put(atFreePorts, "'chorus-data'", JSON.stringify(join(folder, 'data'))))],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const lines: string[] = [];
    try {
      const output = createInterface({ input: server.stdout });
      output.on('line', (line) => lines.push(line));
      await once(output, 'line', { signal: AbortSignal.timeout(runMsMax) });
      const [, url = ''] = /^(http:\S+): Round 1 has 0 of 2 clients; waiting for/.exec(lines[0] ?? '') ?? [];
      const file = save('client.mjs', put(client, documentedUrl, url));
      const outputs = await Promise.all(['1', '3'].map((mine) => run('node', [file, mine], { timeout: runMsMax })));
      expect(outputs.map(({ stdout }) => stdout)).toEqual(Array(2).fill('3 updates of mine count\n'));
    } finally {
      await stop(server);
    }
    expect(lines.slice(1)).toEqual([1, 2, 3].map((round) => `round ${round}: model version ${round}`));
  });
});

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill();
  await once(server, 'exit');
}

describe('the examples of docs/http.md', () => {
  const http = readPage('docs/http.md');

  /** With a server that the docs say to start. */
  async function withServer<T>(plan: Partial<Plan>, act: (url: string, chorus: Chorus) => Promise<T>): Promise<T> {
    const chorus = await createChorus({ plan });
    try {
      const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
      return await act(coordinatorUrl, chorus);
    } finally {
      await chorus.close({ graceMs: 0 });
    }
  }

  it.skipIf(!has('curl'))('walk through a client’s life by curl, and print what the page says', async () => {
    const heading = "One client's life, by curl";
    const [start = '', life = ''] = blocksOf(http, heading, 'sh');
    expect(start).toContain('--min-clients 1 --rounds 1 ');
    await withServer({ minClients: 1, rounds: 1 }, async (url) => {
      const file = save('life.sh', put(life, documentedUrl, url));
      const { stdout } = await run('sh', [file], { cwd: folder, timeout: runMsMax });
      expect(settled(stdout)).toBe(settled(onlyBlock(http, heading, '')));
    });
  });

  it.skipIf(!has('python3'))('train in Python, and print what the page says', async () => {
    const heading = 'A client in Python';
    expect(sectionOf(http, heading)).toContain('--min-clients 2 --rounds 3 ');
    await withServer({ minClients: 2, rounds: 3 }, async (url, { handle }) => {
      const file = save('client.py', put(onlyBlock(http, heading, 'python'), documentedUrl, url));
      const [first] = await Promise.all(['1', '3'].map((mine) => run('python3', [file, mine], { timeout: runMsMax })));
      expect(first?.stdout).toBe(onlyBlock(http, heading, ''));
      expect(handle.status().runState).toBe('finished');
    });
  });
});

/** The output without what differs from run to run. */
const settled = (output: string): string =>
  output.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'an-id').replace(/("retryAfterMs":)\d+/g, '$1 some');

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { chartCss } from './svg.ts';

export interface Asset {
  path: string;
  contentType: string;
  body: string;
}

const files = [
  { path: '/inspect', file: 'index.html', contentType: 'text/html; charset=utf-8' },
  { path: '/inspect/page.css', file: 'page.css', contentType: 'text/css; charset=utf-8' },
  { path: '/inspect/page.js', file: 'page.js', contentType: 'text/javascript; charset=utf-8' },
  { path: '/inspect/chart-view.js', file: 'chart-view.js', contentType: 'text/javascript; charset=utf-8' },
  { path: '/inspect/format.js', file: 'format.js', contentType: 'text/javascript; charset=utf-8' },
];

/** The page's files lie in `src/inspect/assets`, beside this module or, when it is compiled, in the package's sources. */
const folder = [new URL('./assets/', import.meta.url), new URL('../../../src/inspect/assets/', import.meta.url)].find(
  (candidate) => existsSync(candidate),
);

/** @returns every static file of the page. @throws {Error} the package was packed without them. */
export async function readAssets(): Promise<Asset[]> {
  if (!folder) throw new Error('The inspection page is not part of this installation: src/inspect/assets is missing');
  const read = files.map(async ({ file, ...asset }) => ({
    ...asset,
    body: await readFile(new URL(file, folder), 'utf8'),
  }));
  return [
    ...(await Promise.all(read)),
    { path: '/inspect/chart.css', contentType: 'text/css; charset=utf-8', body: chartCss },
  ];
}

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { seededRandom } from '../../src/domain/random.ts';

/** One school's pupils: row after row of features, and a score for each. */
export interface Pupils {
  features: Float64Array;
  scores: Float64Array;
}

export interface School {
  training: Pupils;
  /** Nobody trains on these. */
  heldOut: Pupils;
}

/** 1, marks at sixteen, their square, girl, age. */
export const featureCount = 5;
/** One pupil in so many is kept back. */
const heldOutEvery = 5;

const folder = new URL('../../node_modules/.cache/chorus-experiments/', import.meta.url);
const file = new URL('chem97.csv', folder);
const bytesMax = 16 * 2 ** 20;

/**
 * Chem97: what 31,022 pupils of 2,410 English schools scored in A-level chemistry in 1997 (Fielding, Yang and Goldstein
 * 2003), from the R package mlmRev, which is under the GPL and so is not part of this repository. R writes it once.
 * @throws {Error} there is no R with that package; says how to get it.
 */
export async function loadSchools(seed: number): Promise<School[]> {
  const text = await readFile(file, 'utf8').catch(() => fetchTable());
  return schoolsOf(text, seed);
}

async function fetchTable(): Promise<string> {
  const script = 'write.csv(mlmRev::Chem97, row.names = FALSE)';
  const { stdout } = await promisify(execFile)('Rscript', ['-e', script], { maxBuffer: bytesMax }).catch((cause) => {
    const how = 'apt-get install r-cran-mlmrev, or install.packages("mlmRev") in R';
    throw new Error(`The schools come from the R package mlmRev, which Rscript cannot load here; get it by ${how}`, {
      cause,
    });
  });
  await mkdir(fileURLToPath(folder), { recursive: true });
  await writeFile(file, stdout);
  return stdout;
}

/** Reads the table. @param seed decides who is held out. @throws {Error} a column is missing. */
export function schoolsOf(csv: string, seed: number): School[] {
  const [head = [], ...rows] = csv
    .trim()
    .split('\n')
    .map((line) => line.replaceAll('"', '').split(','));
  const [school, score, gender, age, marks] = ['school', 'score', 'gender', 'age', 'gcsecnt'].map((name) => {
    const column = head.indexOf(name);
    if (column === -1) throw new Error(`The table has no column ${name}`);
    return column;
  });
  const random = seededRandom(seed);
  const bySchool = new Map<string, { training: number[][]; heldOut: number[][] }>();
  for (const row of rows) {
    const cell = (column = 0): string => row[column] ?? '';
    // Halved, so that the square of the farthest does not drown the others.
    const mark = Number(cell(marks)) / 2;
    const features = [1, mark, mark * mark, cell(gender) === 'F' ? 1 : 0, Number(cell(age)) / 6];
    const own = bySchool.get(cell(school)) ?? { training: [], heldOut: [] };
    bySchool.set(cell(school), own);
    // A school trains on one pupil at least.
    const isHeldOut = random.below(heldOutEvery) === 0 && own.training.length > 0;
    own[isHeldOut ? 'heldOut' : 'training'].push([...features, Number(cell(score))]);
  }
  return [...bySchool.values()].map(({ training, heldOut }) => ({
    training: pupilsOf(training),
    heldOut: pupilsOf(heldOut),
  }));
}

/** @param rows features, then the score. */
export const pupilsOf = (rows: readonly (readonly number[])[]): Pupils => ({
  features: Float64Array.from(rows.flatMap((row) => row.slice(0, featureCount))),
  scores: Float64Array.from(rows, (row) => row[featureCount] ?? 0),
});

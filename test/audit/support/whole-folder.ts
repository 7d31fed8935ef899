import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openDataFolder } from '../../../src/audit/data-folder.ts';
import { type VerifyReport, verify } from '../../../src/audit/verify.ts';
import type { ModelInfo } from '../../../src/domain/model.ts';
import { pathOfModel } from '../../../src/storage/file-model-store.ts';
import { commitTwoRounds, entriesOf, fileIn } from './real-folder.ts';

/** A folder of two committed rounds, for all tests of a file; none of them may change it. */
export class WholeFolder {
  dir = '';
  #models: ModelInfo[] = [];

  static forThisFile(): WholeFolder {
    const whole = new WholeFolder();
    beforeAll(async () => {
      whole.dir = mkdtempSync(join(tmpdir(), 'chorus-audit-'));
      await commitTwoRounds(whole.dir);
      const facts = (await entriesOf(whole.dir)).map(({ fact }) => fact);
      whole.#models = facts.flatMap((fact) => (fact.type === 'round.committed' ? [fact.model] : []));
    });
    afterAll(() => rmSync(whole.dir, { recursive: true, force: true }));
    return whole;
  }

  /** @param copy of the folder */
  modelFile(copy: string, version: number): string {
    return join(copy, pathOfModel(this.#models[version - 1]?.sha256 ?? ''));
  }

  /** The updates that were kept of a round. @param copy of the folder */
  updatesOf(copy: string, round: number): string {
    return fileIn(copy, 'updates', `${this.#models[0]?.run ?? ''}-${round}-1`);
  }
}

export const check = async (dir: string): Promise<VerifyReport> => verify(await openDataFolder(dir));

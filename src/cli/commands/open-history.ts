import { type DataFolder, openDataFolder } from '../../audit/data-folder.ts';
import { failureOf } from '../../audit/failures.ts';
import { CommandFailure } from '../failure.ts';

/** Looks at the history in a data folder. @throws {CommandFailure} there is none, or it cannot be looked at. */
export async function withHistory<T>(dataDir: string, look: (folder: DataFolder) => Promise<T>): Promise<T> {
  try {
    return await look(await openDataFolder(dataDir));
  } catch (error) {
    const sentence = failureOf(error);
    throw sentence === null ? error : new CommandFailure(sentence);
  }
}

import { ChorusError } from '../../src/domain/errors.ts';

/** The code with which something is refused; `no refusal` when it is not, and what else it throws in words. */
export async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    return error instanceof ChorusError ? error.code : String(error);
  }
  return 'no refusal';
}

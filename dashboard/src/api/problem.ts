/** A refusal of the server, in its words; see docs/errors.md for the codes. */
export class Problem extends Error {
  override name = 'Problem';
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Reads what came with a refused request: problem+json, or whatever a proxy made of it. */
export async function problemOf(response: Response): Promise<Problem> {
  const { status } = response;
  try {
    const { code = 'UNKNOWN', title = '', detail = '' } = (await response.json()) as Record<string, string>;
    return new Problem(status, code, detail || title || `The server answered ${status}.`);
  } catch {
    return new Problem(status, 'UNKNOWN', `The server answered ${status}.`);
  }
}

/** What to tell people about something that went wrong. */
export function sentenceOf(error: unknown): string {
  if (error instanceof Problem) return error.message;
  if (error instanceof TypeError) return 'The server cannot be reached.';
  return error instanceof Error ? error.message : String(error);
}

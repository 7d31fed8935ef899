import type { ChorusEvent } from '../../domain/handle.ts';

/** Longest event that is taken, characters; a server sends nothing near it. */
const eventLengthMax = 1_048_576;

/** Reads Server-Sent Events, as the coordinator writes them, off the body of an answer. @throws {RangeError} one is too long */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ChorusEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const messages = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = messages.pop() ?? '';
    if (rest.length > eventLengthMax) throw new RangeError('An event is too long');
    for (const message of messages) {
      const event = eventOf(message);
      if (event) yield event;
    }
  }
}

/** null: a comment, or nothing that we know. */
function eventOf(message: string): ChorusEvent | null {
  const fields = new Map(
    message.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')] as const;
    }),
  );
  const [id, type, text] = [Number(fields.get('id')), fields.get('event'), fields.get('data')];
  if (!Number.isSafeInteger(id) || type === undefined || text === undefined) return null;
  try {
    const { atMs, data } = JSON.parse(text) as Pick<ChorusEvent, 'atMs' | 'data'>;
    return { id, type, atMs, data };
  } catch {
    return null;
  }
}

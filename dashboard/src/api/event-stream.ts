/** Server-Sent Events by `fetch`, which can say where to resume, and be stopped. */

export interface StreamMessage {
  id: string;
  event: string;
  data: string;
}

/** A message longer than this is not one of ours, characters. */
const messageLengthMax = 4_194_304;

/** Cuts a stream of text into messages. Pure but for what it holds back: the message that has not ended. */
export class MessageReader {
  #held = '';

  /** @returns the messages that end in this piece. @throws {Error} a message does not end. */
  read(piece: string): StreamMessage[] {
    this.#held += piece;
    const blocks = this.#held.split('\n\n');
    this.#held = blocks.pop() ?? '';
    if (this.#held.length > messageLengthMax) throw new Error('The event stream is not in the expected form');
    return blocks.map(readBlock).filter(({ data }) => data !== '');
  }
}

function readBlock(block: string): StreamMessage {
  const message: StreamMessage = { id: '', event: 'message', data: '' };
  for (const line of block.split('\n')) {
    const [, field, value = ''] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
    if (field === 'id') message.id = value;
    if (field === 'event') message.event = value;
    if (field === 'data') message.data += value;
  }
  return message;
}

/**
 * Reads a stream to its end. The next piece is asked for when the last was dealt with, so a slow page slows the stream
 * instead of piling it up. @throws when the server cannot be reached or refuses.
 */
export async function readStream(
  path: string,
  lastEventId: string,
  signal: AbortSignal,
  take: (message: StreamMessage) => void,
): Promise<void> {
  const response = await fetch(path, {
    signal,
    cache: 'no-store',
    headers: { accept: 'text/event-stream', ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }) },
  });
  if (!response.ok || !response.body) throw new Error(`The server answered ${response.status}`);
  const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const reader = new MessageReader();
  for (;;) {
    const { done, value } = await pieces.read();
    if (done) return;
    for (const message of reader.read(value)) take(message);
    // Whatever came during one frame is dealt with after it.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
}

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageReader } from '../../dashboard/src/api/event-stream.ts';

const text = 'retry: 1000\n\nid: s/1\nevent: news\ndata: {"a":1}\n\n:\n\nid: s/2\nevent: news\ndata: {"b":"x: y"}\n\n';
const messages = [
  { id: 's/1', event: 'news', data: '{"a":1}' },
  { id: 's/2', event: 'news', data: '{"b":"x: y"}' },
];

describe('a stream of events', () => {
  it('is read the same, however it is cut into pieces', () => {
    void fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        const reader = new MessageReader();
        const read = places.slice(1).flatMap((place, index) => reader.read(text.slice(places[index], place)));
        expect(read).toEqual(messages);
      }),
    );
  });

  it('is given up when a message does not end', () => {
    const reader = new MessageReader();
    expect(() => {
      for (let piece = 0; piece < 10; piece += 1) reader.read('x'.repeat(1_000_000));
    }).toThrow('not in the expected form');
  });
});

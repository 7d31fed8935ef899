/**
 * A strategy of one's own: in each coordinate the mean of those updates that lie within `width` median deviations of the
 * median. One client that sends rubbish is left out where it is off, and counts where it is not.
 */
import { defineOwnStrategy } from 'chorus-fl';

export default defineOwnStrategy({
  kind: 'gathering',
  contributionsMin: 3,
  settings: { width: { kind: 'number', default: 3, min: 0, max: 1_000, help: 'How many median deviations are fine.' } },
  combine({ values, weights, parameters }) {
    return values[0].map((_, at) => {
      const column = values.map((update) => update[at]);
      const centre = median(column);
      const deviation = median(column.map((value) => Math.abs(value - centre)));
      let sum = 0;
      let total = 0;
      column.forEach((value, client) => {
        if (Math.abs(value - centre) > parameters.width * deviation) return;
        sum += weights[client] * value;
        total += weights[client];
      });
      return sum / total;
    });
  },
});

function median(values) {
  const sorted = Float64Array.from(values).sort();
  const { length } = sorted;
  return (sorted[Math.floor((length - 1) / 2)] + sorted[Math.floor(length / 2)]) / 2;
}

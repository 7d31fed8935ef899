/** What a histogram counts. */
export interface HistogramAbout {
  name: string;
  help: string;
  labelNames: readonly string[];
  /** Upper bounds, rising. */
  buckets: readonly number[];
}

interface Series {
  readonly labels: string;
  /** How many were as small as each bucket says and not as the one before it; the last is for the largest. */
  readonly counts: Float64Array;
  sum: number;
}

/** A Prometheus histogram that counts from the start, before anybody asks and the library for the other numbers is loaded. */
export class Histogram {
  readonly about: HistogramAbout;
  readonly #series = new Map<string, Series>();

  constructor(about: HistogramAbout) {
    this.about = about;
  }

  /** Shows a series before anything was counted in it. @param labels as of {@link add} */
  begin(labels: readonly (string | number)[]): void {
    this.#seriesOf(labels);
  }

  /** @param labels in the order of `labelNames`; of each there are few values */
  add(labels: readonly (string | number)[], value: number): void {
    const { buckets } = this.about;
    const series = this.#seriesOf(labels);
    let bucket = 0;
    while (value > (buckets[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
  }

  #seriesOf(labels: readonly (string | number)[]): Series {
    const key = labels.join('\n');
    let series = this.#series.get(key);
    if (!series) {
      const { labelNames, buckets } = this.about;
      const named = labelNames.map((name, index) => `${name}="${escaped(String(labels[index] ?? ''))}"`);
      series = { labels: named.join(','), counts: new Float64Array(buckets.length + 1), sum: 0 };
      this.#series.set(key, series);
    }
    return series;
  }

  /** @returns in the format that Prometheus reads */
  text(): string {
    const { name, help, buckets } = this.about;
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
    for (const { labels, counts, sum } of this.#series.values()) {
      let total = 0;
      for (const [bucket, count] of counts.entries()) {
        total += count;
        lines.push(`${name}_bucket{le="${buckets[bucket] ?? '+Inf'}",${labels}} ${total}`);
      }
      lines.push(`${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${total}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

const escaped = (label: string): string => label.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));

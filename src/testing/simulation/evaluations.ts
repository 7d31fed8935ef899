import type { EvaluationResult, Receipt, RoundRecord } from '../../domain/handle.ts';
import type { Metrics } from '../../domain/metrics.ts';
import { holds, keyOf } from './attempts.ts';
import type { Invariant } from './violation.ts';
import type { World } from './world.ts';

/** A result as a client sent it. */
export interface SentResult extends EvaluationResult {
  /** Whether it may be accepted. */
  isSound: boolean;
}

/** What the server says when its own evaluator has measured a version. */
export interface Judged {
  version: number;
  metrics: Metrics;
}

interface Acknowledged extends Receipt {
  run: string;
}

/** Share by which a mean may differ: its sum may be taken in another order. */
const tolerance = 1e-12;

/**
 * Results of clients that evaluate a model: each that is accepted was sent, each that was acknowledged counts or its attempt
 * was given up, and what an evaluation says is the weighted mean of exactly those that were accepted. What the server's own
 * evaluator found is what it answered.
 */
export class Evaluations {
  readonly #world: World;
  /** By run and round, then by client. */
  readonly #sent = new Map<string, Map<string, SentResult[]>>();
  /** Not yet known to be in an evaluation that has ended. */
  readonly #open = new Set<Acknowledged>();
  /** Evaluations that have ended, by run and round. */
  readonly #ended = new Map<string, RoundRecord[]>();

  /** Answers of the server's own evaluator, by version. */
  readonly #found = new Map<number, Metrics[]>();

  constructor(world: World) {
    this.#world = world;
  }

  sent(run: string, clientId: string, result: SentResult): void {
    const key = keyOf(run, result.round);
    const ofRound = this.#sent.get(key) ?? new Map<string, SentResult[]>();
    this.#sent.set(key, ofRound);
    ofRound.set(clientId, [...(ofRound.get(clientId) ?? []), result]);
  }

  acknowledged(run: string, receipt: Receipt): void {
    const ended = this.#ended.get(keyOf(run, receipt.round)) ?? [];
    if (!ended.some((record) => holds(record, receipt))) this.#open.add({ ...receipt, run });
  }

  /** The server's own evaluator answers. */
  found(version: number, metrics: Metrics): void {
    this.#found.set(version, [...(this.#found.get(version) ?? []), metrics]);
  }

  judged({ version, metrics }: Judged): void {
    if (this.#found.get(version)?.some((found) => areClose(found, metrics))) return;
    const sentence = `version ${version} is said to have ${JSON.stringify(metrics)}, which the evaluator did not find`;
    this.#fail('right metrics', sentence);
  }

  /** A crash came that these results were not promised to survive. */
  release(): void {
    this.#open.clear();
  }

  /** An attempt at an evaluation is over. */
  ended(record: RoundRecord): void {
    const { run, round, phase } = record;
    const key = keyOf(run, round);
    this.#ended.set(key, [...(this.#ended.get(key) ?? []), record]);
    for (const one of this.#open) {
      if (one.run !== run || one.round !== round) continue;
      if (holds(record, one)) this.#open.delete(one);
      else if (phase === 'evaluated') {
        this.#fail('updates survive', `the result of ${one.clientId} for round ${round} was acknowledged, and is gone`);
      }
    }
    if (phase === 'evaluated') this.#check(record);
  }

  #check({ run, round, quorum, cohort, contributions, metrics }: RoundRecord): void {
    const about = `the evaluation of round ${round}`;
    if (contributions.length < quorum) {
      this.#fail('quorum', `${about} counts ${contributions.length} results; its quorum is ${quorum}`);
    }
    if (new Set(contributions.map(({ clientId }) => clientId)).size !== contributions.length) {
      this.#fail('counted once', `a client counts twice in ${about}`);
    }
    const ofRound = this.#sent.get(keyOf(run, round));
    const results: SentResult[] = [];
    for (const accepted of contributions) {
      const { clientId } = accepted;
      if (!cohort.includes(clientId)) this.#fail('counted once', `${clientId} counts in ${about}, and was not asked`);
      const result = ofRound?.get(clientId)?.find((one) => one.isSound && isSame(one, accepted));
      if (result) results.push(result);
      else this.#fail('counted once', `${about} counts a result of ${clientId} that it never sent, or that is unsound`);
    }
    const expected = meansOf(results);
    if (!areClose(metrics, expected)) {
      const [said, right] = [metrics, expected].map((each) => JSON.stringify(each));
      this.#fail('right metrics', `${about} says ${said}; the mean of its results is ${right}`);
    }
  }

  #fail(invariant: Invariant, sentence: string): void {
    this.#world.violate({ invariant, sentence });
  }
}

type Measured = Pick<EvaluationResult, 'numExamples' | 'metrics'>;

const isSame = (a: Measured, b: Measured): boolean => {
  const names = Object.keys(a.metrics);
  const isAlike = names.length === Object.keys(b.metrics).length;
  return a.numExamples === b.numExamples && isAlike && names.every((name) => a.metrics[name] === b.metrics[name]);
};

/** Of each metric that all results hold, the mean, weighted by numbers of examples. */
function meansOf(results: readonly Measured[]): Metrics {
  const names = Object.keys(results[0]?.metrics ?? {}).filter((name) =>
    results.every(({ metrics }) => name in metrics),
  );
  const examples = results.reduce((total, { numExamples }) => total + numExamples, 0);
  const sumOf = (name: string) =>
    results.reduce((total, { numExamples, metrics }) => total + numExamples * (metrics[name] ?? 0), 0);
  return Object.fromEntries(names.map((name) => [name, sumOf(name) / examples]));
}

function areClose(a: Readonly<Metrics>, b: Readonly<Metrics>): boolean {
  const names = Object.keys(a);
  const isNear = (name: string) => {
    const [x, y] = [a[name] ?? Number.NaN, b[name] ?? Number.NaN];
    return Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(y));
  };
  return names.length === Object.keys(b).length && names.every(isNear);
}

import type { ClientStanding, Heartbeat, Receipt, Registration, Status, TrainingTicket } from '../domain/handle.ts';
import { ChorusNetworkError } from './errors.ts';

/**
 * What the server's answers must hold to be used. Anything may answer under a wrong URL: a captive portal, another
 * service, a proxy's page with status 200. Fields that are not known are left aside.
 */
class Fields {
  readonly #call: string;
  readonly #values: Record<string, unknown>;

  constructor(call: string, body: unknown) {
    this.#call = call;
    if (typeof body !== 'object' || body === null) throw this.#bad('the whole');
    this.#values = body as Record<string, unknown>;
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== 'string' || value === '') throw this.#bad(name);
    return value;
  }

  textOrNull(name: string): string | null {
    return this.#isNone(name) ? null : this.text(name);
  }

  /** A secret that fits into a header; one that does not would be quoted in the platform's error. */
  token(name: string): string {
    const value = this.text(name);
    if (!/^[\x21-\x7e]+$/.test(value)) throw this.#bad(name);
    return value;
  }

  /** W3C Trace Context, version 00; nothing else is of use, and nothing depends on it. */
  traceparent(): { traceparent?: string } {
    const { traceparent } = this.#values;
    const isOne = typeof traceparent === 'string' && /^00-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(traceparent);
    return isOne ? { traceparent } : {};
  }

  /** A number from 0. */
  count(name: string): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !(value >= 0)) throw this.#bad(name);
    return value;
  }

  countOrNull(name: string): number | null {
    return this.#isNone(name) ? null : this.count(name);
  }

  oneOf<const Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const found = choices.find((choice) => choice === this.#values[name]);
    if (found === undefined) throw this.#bad(name);
    return found;
  }

  /** @param otherwise when it is left out. */
  oneOfOr<const Choice extends string>(name: string, choices: readonly Choice[], otherwise: NoInfer<Choice>): Choice {
    return this.#isNone(name) ? otherwise : this.oneOf(name, choices);
  }

  object(name: string): Fields {
    return new Fields(this.#call, this.#values[name] ?? {});
  }

  scalars(name: string): Record<string, number | string | boolean> {
    const value = this.#values[name] ?? {};
    if (typeof value !== 'object' || Object.values(value).some((one) => typeof one === 'object')) throw this.#bad(name);
    return value as Record<string, number | string | boolean>;
  }

  /** The whole, where nothing but its look is relied on. */
  get values(): Record<string, unknown> {
    return this.#values;
  }

  #isNone(name: string): boolean {
    return this.#values[name] === null || this.#values[name] === undefined;
  }

  #bad(name: string): ChorusNetworkError {
    return new ChorusNetworkError(
      'badAnswer',
      `${this.#call} was not answered as a Chorus server does (${name} is missing or wrong); check the URL`,
    );
  }
}

const standings: readonly ClientStanding[] = ['standby', 'selected', 'training', 'finished'];

/** @throws {ChorusNetworkError} badAnswer, as all of these. @param call its name, for the message. */
export function readRegistration(call: string, body: unknown): Registration {
  const fields = new Fields(call, body);
  return {
    clientId: fields.text('clientId'),
    clientToken: fields.token('clientToken'),
    heartbeatIntervalMs: fields.count('heartbeatIntervalMs'),
    heartbeatTimeoutMs: fields.count('heartbeatTimeoutMs'),
  };
}

export function readHeartbeat(call: string, body: unknown): Heartbeat {
  const fields = new Fields(call, body);
  return {
    state: fields.oneOf('state', standings),
    run: fields.textOrNull('run'),
    round: fields.count('round'),
    retryAfterMs: fields.count('retryAfterMs'),
  };
}

export function readTicket(call: string, body: unknown): TrainingTicket {
  const fields = new Fields(call, body);
  return {
    run: fields.text('run'),
    round: fields.count('round'),
    // A server that knows of nothing else leaves it out.
    task: fields.oneOfOr('task', ['train', 'evaluate'], 'train'),
    aggregatorUrl: fields.textOrNull('aggregatorUrl'),
    trainingToken: fields.token('trainingToken'),
    modelVersion: fields.countOrNull('modelVersion'),
    hyperparameters: fields.scalars('hyperparameters'),
    deadlineAtMs: fields.count('deadlineAtMs'),
    ...fields.traceparent(),
  };
}

export function readReceipt(call: string, body: unknown): Receipt {
  const answer = new Fields(call, body);
  answer.oneOf('verdict', ['accepted']);
  const fields = answer.object('receipt');
  return {
    round: fields.count('round'),
    clientId: fields.text('clientId'),
    sha256: fields.text('sha256'),
    numExamples: fields.count('numExamples'),
  };
}

/** Only its look is checked: it is for people and dashboards, and nothing here is decided by it. */
export function readStatus(call: string, body: unknown): Status {
  const fields = new Fields(call, body);
  fields.text('phase');
  return fields.values as unknown as Status;
}

/** What always holds; see section 6 of the design. */
export type Invariant =
  | 'counted once'
  | 'right model'
  | 'right metrics'
  | 'quorum'
  | 'cohorts as planned'
  | 'counts agree'
  | 'versions rise'
  | 'models stay'
  | 'updates survive'
  | 'nothing goes back'
  | 'identity stays'
  | 'nothing throws'
  | 'memory is bounded'
  | 'answers come'
  | 'rounds end'
  | 'the run finishes'
  | 'the silent are lost';

export interface Violation {
  readonly invariant: Invariant;
  /** What was seen, and what should have been. */
  readonly sentence: string;
}

/** A deliberate defect, with the tests that must fail when it is there. */
export interface Mutation {
  /** What the defect does, as a sentence without a subject. */
  name: string;
  /** The historic defect it stands for, or where it was found. */
  defect: string;
  file: string;
  /** Occurs exactly once in the file. */
  find: string;
  replace: string;
  /** Test files, of which some test must fail. */
  tests: readonly string[];
  /** More settings for the tests. */
  env?: Readonly<Record<string, string>>;
  /** Only tests whose names match. @default all of the files */
  only?: string;
}

/** The verdict: three questions, answered apart. A check is a row of a list; what it finds is a sentence for the user. */

export interface Verdict {
  /** Do the predictions hold on rows that were not trained on? */
  readonly predictions: Answer;
  /** Has the sampling converged? Absent for predictions made elsewhere. */
  readonly sampling?: Answer;
  /** Is the table what it seems? Absent for predictions made elsewhere. */
  readonly table?: Answer;
  /** Whether the first answer is yes. */
  readonly trusted: boolean;
}

export type Reply = 'yes' | 'no' | 'too few rows to tell' | 'too few draws to tell';

export interface Answer {
  readonly answer: Reply;
  /** Findings that turn the answer first. */
  readonly findings: readonly Finding[];
}

export interface Finding {
  /** Name of the check. */
  readonly check: string;
  /** Whether it makes the answer a no. */
  readonly turns: boolean;
  /** Set where it says that there is too little to tell: without any that turns, it is the answer. */
  readonly few?: true;
  readonly message: string;
  /** What to do about it. */
  readonly cure?: string;
}

/** What a check finds in `Facts`, before it has the check's name. */
export interface Check<Facts> {
  readonly name: string;
  find(facts: Facts): readonly Omit<Finding, 'check'>[];
}

/** The answer that the checks give of the facts; `few` is what it is called where there is too little. */
export function answerOf<Facts>(
  checks: readonly Check<Facts>[],
  facts: Facts,
  few: Exclude<Reply, 'yes' | 'no'> = 'too few rows to tell',
): Answer {
  const found = checks.flatMap(({ name, find }) => find(facts).map((finding) => ({ check: name, ...finding })));
  const order = (finding: Finding) => (finding.turns ? 0 : finding.few ? 1 : 2);
  const findings = found.toSorted((a, b) => order(a) - order(b));
  const answer = findings.some(({ turns }) => turns) ? 'no' : findings.some((finding) => finding.few) ? few : 'yes';
  return { answer, findings };
}

/** Everything a verdict says, for tests. */
import type { Verdict } from '../src/answers/verdict/types.ts';
import { questions, told } from '../src/answers/verdict/words.ts';

/** Findings that speak for a no or for too little to tell, and notes, as lines. */
export function said(verdict: Verdict): { reasons: string; notes: string } {
  const all = questions(verdict).flatMap(([, { findings }]) => findings);
  const lines = (speaks: boolean) =>
    all
      .filter(({ turns, few }) => (turns || few === true) === speaks)
      .map(told)
      .join('\n');
  return { reasons: lines(true), notes: lines(false) };
}

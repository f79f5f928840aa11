/** Which of the known levels a text means: the same text, else the same number (`1.0` and `1`) or truth value (`True` and `true`). */

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** What a text means beyond its letters; undefined for most. */
function meaning(text: string): string | undefined {
  if (/^(?:true|false)$/i.test(text)) return text.toLowerCase();
  return NUMBER.test(text) && Number.isSafeInteger(Math.trunc(Number(text))) ? `#${Number(text)}` : undefined;
}

/** Finds the index of a level for any text; −1 for what is none. Levels that mean the same are told apart by their text alone. */
export function levelMatcher(levels: readonly string[]): (text: string) => number {
  const byText = new Map(levels.map((level, k) => [level, k]));
  const byMeaning = new Map<string, number>();
  for (const [k, level] of levels.entries()) {
    const means = meaning(level);
    if (means !== undefined) byMeaning.set(means, byMeaning.has(means) ? -1 : k);
  }
  return (text) => {
    const same = byText.get(text);
    if (same !== undefined) return same;
    const means = meaning(text);
    return means === undefined ? -1 : (byMeaning.get(means) ?? -1);
  };
}

/** Levels in order: numbers by value, then words. */
export function ordered(levels: readonly string[]): string[] {
  const value = (level: string) => (NUMBER.test(level) ? Number(level) : Number.POSITIVE_INFINITY);
  return [...levels].sort((a, b) => (value(a) === value(b) ? (a < b ? -1 : 1) : value(a) - value(b)));
}

/** Pairs of levels that are equal as numbers or truth values. */
export function equalPairs(levels: readonly string[]): [string, string][] {
  const first = new Map<string, string>();
  return levels.flatMap((level): [string, string][] => {
    const means = meaning(level);
    if (means === undefined) return [];
    const earlier = first.get(means);
    if (earlier !== undefined) return [[earlier, level]];
    first.set(means, level);
    return [];
  });
}

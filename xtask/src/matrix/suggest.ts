import { distance } from 'fastest-levenshtein';

/**
 * The candidate that a mistyped word most likely means: the one with the fewest edits, upper and lower case being
 * equal. Undefined when even that one differs in more than a third of its letters (at least two may differ).
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; edits: number } | undefined;
  for (const candidate of candidates) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || edits < best.edits) best = { candidate, edits };
  }
  if (best === undefined || best.edits > Math.max(2, Math.floor(best.candidate.length / 3))) return undefined;
  return best.candidate;
}

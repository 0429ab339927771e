/** A comparison of ours with the real tool. */
export interface Comparison {
  /** Cases compared when not said otherwise. */
  runs: number;
  /**
   * Compares cases `from` to `to` (left out), which depend on the seed and their number only.
   *
   * @param folder an empty folder on a file system without limits on attributes, such as tmpfs.
   */
  compare(cases: { seed: number; from: number; to: number; folder: string }): Promise<Difference[]>;
}

/** A case where the two differ. */
export interface Difference {
  index: number;
  problem: string;
  /** What it was about, to be kept. */
  input: Buffer;
}

/** What a check looks at. */
export interface LintTarget {
  /** Root of the image: `/` in a build, or a mounted image. */
  root: string;
}

/** What a check found wrong: one line, and perhaps the things it is about. */
export interface LintFinding {
  message: string;
  /** One line each; a report shows only the first few. */
  items?: readonly string[];
}

/** One check of an image. */
export interface LintCheck {
  /** As `--skip` takes it. */
  name: string;
  /** `fatal`: such an image does not work. `warning`: it works, but not as its maker thinks. */
  level: 'fatal' | 'warning';
  description: string;
  run(target: LintTarget): Promise<LintFinding | undefined>;
}

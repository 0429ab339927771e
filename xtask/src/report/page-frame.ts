import { escapeHtml } from './escape-html.ts';

const style = `
:root { color-scheme: light dark; --line: #8884; --good: #2e8b57; --bad: #c62f2f; --build: #8a6fb5; --install: #c9892b; --boot: #3c7fc0; --tests: #2e8b57 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
.passed, .passed a { color: var(--good) } .failed, .failed a { color: var(--bad) } .quarantined, .quarantined a { color: var(--install) } .skipped { opacity: .7 }
.wide { overflow-x: auto } .cells th[scope=row] { font-weight: normal }
table { border-collapse: collapse } td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top }
.time { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .3rem .8rem; align-items: center; border: solid var(--line); border-width: 1px 0; padding: .6rem 0; margin: 1rem 0 }
.bars { position: relative; height: 1.3rem } .bars span { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px }
.build { background: var(--build) } .install { background: var(--install) } .snapshot { background: var(--install) } .boot, .restore { background: var(--boot) } .tests { background: var(--tests) }
.key span { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin: 0 .3rem 0 1rem }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .6rem; font-size: 12.5px; line-height: 1.35; max-height: 30rem }
summary { cursor: pointer } .card { border-left: 4px solid var(--bad); padding-left: 1rem }
`;

/** What a page begins with. */
export interface PageHead {
  /** For the tab of a browser; plain text. */
  title: string;
  /** Plain text. */
  heading: string;
  /** Whether the heading tells of success. */
  isGood: boolean;
}

/** The beginning of a page that needs no other file, up to and with its heading, which is the target `#top`. */
export function pageHead({ title, heading, isGood }: PageHead): string {
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${escapeHtml(title)}</title><style>${style}</style></head><body>`,
    `<h1 id="top" class="${isGood ? 'passed' : 'failed'}">${escapeHtml(heading)}</h1>`,
  ].join('\n');
}

/** What closes a page that {@link pageHead} began. */
export const pageEnd = '</body></html>\n';

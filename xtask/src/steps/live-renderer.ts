import { DefaultRenderer, Listr, ListrLogger, ListrTaskState, ProcessOutput } from 'listr2';
import { formatDuration } from './plain-renderer.ts';
import type { StepEvent, StepListener, StepRecord } from './step.ts';

// biome-ignore lint/suspicious/noExplicitAny: the context type that DefaultRenderer asks for
type List = Listr<any, typeof DefaultRenderer, typeof DefaultRenderer>;
type ListrTask = List['tasks'][number];

/** A list of steps that repaints itself on a terminal. Disposing it leaves the final list on the screen. */
export interface LiveRenderer extends AsyncDisposable {
  listener: StepListener;
}

/**
 * Shows steps on a terminal by listr2. Its task objects are only mirrors of our records: listr2 draws, and runs nothing.
 * What else is written to `terminal` meanwhile appears when the list is done.
 */
export async function liveRenderer(terminal: NodeJS.WriteStream): Promise<LiveRenderer> {
  const list: List = new Listr([], listOptions);
  const logger = new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(terminal, terminal) });
  const renderer = new DefaultRenderer(
    list.tasks,
    { logger, collapseErrors: false, collapseSubtasks: false, collapseSkips: false, showErrorMessage: false },
    list.events,
  );
  const mirrors = new Map<StepRecord, ListrTask>();
  await renderer.render();
  // One after another: listr2 draws a task, and takes its output, only after an asynchronous check.
  let shown = Promise.resolve();
  return {
    listener: (event) => {
      shown = shown.then(async () => show(await mirrorOf(event.path, list, mirrors), event));
    },
    [Symbol.asyncDispose]: async () => {
      await shown;
      renderer.end();
    },
  };
}

const listOptions = {
  exitOnError: false,
  registerSignalListeners: false,
  renderer: DefaultRenderer,
  fallbackRenderer: DefaultRenderer,
} as const;

async function mirrorOf(
  path: readonly StepRecord[],
  list: List,
  mirrors: Map<StepRecord, ListrTask>,
): Promise<ListrTask | undefined> {
  const self = path.at(-1);
  if (self === undefined) return undefined;
  const known = mirrors.get(self);
  if (known !== undefined) return known;
  const parent = await mirrorOf(path.slice(0, -1), list, mirrors);
  const rendererOptions = { persistentOutput: true, outputBar: Number.POSITIVE_INFINITY };
  const definition = {
    title: self.title,
    task: () => {},
    rendererOptions,
    fallbackRendererOptions: rendererOptions,
  };
  let added: ListrTask | undefined;
  if (parent === undefined) {
    list.add(definition);
    added = list.tasks.at(-1);
  } else {
    const sublist: List = new Listr([definition], listOptions, parent);
    added = sublist.tasks[0];
    if (added !== undefined) parent.subtasks = [...(parent.subtasks ?? []), added];
  }
  if (added === undefined) return undefined;
  mirrors.set(self, added);
  await added.check(undefined);
  return added;
}

/** Lines of a build are long, and one that wraps makes the list jump. */
function fitting(text: string, title: string): string {
  const room = (process.stderr.columns ?? 80) - title.length - 16;
  return text.slice(0, Math.max(room, 20));
}

function show(task: ListrTask | undefined, event: StepEvent): void {
  const self = event.path.at(-1);
  if (self === undefined || task === undefined) return;
  switch (event.kind) {
    case 'start':
      task.state$ = ListrTaskState.STARTED;
      break;
    case 'note':
      task.output$ = event.text;
      break;
    case 'progress':
      task.title$ = `${self.title}  ${fitting(event.text, self.title)}`;
      break;
    case 'end':
      if (self.outcome === 'skipped') {
        task.title$ = `${self.title}  not needed, ${self.notes.join(', ')}`;
        task.state$ = ListrTaskState.SKIPPED;
      } else {
        task.title$ = `${self.title}  ${formatDuration(self.durationMs)}`;
        task.state$ = self.outcome === 'done' ? ListrTaskState.COMPLETED : ListrTaskState.FAILED;
      }
      break;
  }
}

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { CodedError } from '@workbench/run';
import { readLines } from './pull-events.ts';

/** The answer to a request to the API. */
export interface LibpodAnswer {
  status: number;
  /** @throws CodedError `PULL_CUT_OFF` when the answer ends before it is whole. */
  lines: AsyncGenerator<string>;
}

/** Version of the API that is asked for; podman from 4 on understands it. */
const apiVersion = 'v5.0.0';

/**
 * Posts to podman's libpod API, with an empty body.
 *
 * @throws CodedError `PULL_CUT_OFF` when the service does not answer at all; the signal's reason.
 */
export async function postToLibpod(
  socketPath: string,
  call: { path: string; query: Readonly<Record<string, string>>; headers: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<LibpodAnswer> {
  const path = `/${apiVersion}/libpod${call.path}?${new URLSearchParams(call.query)}`;
  const posted = request({
    socketPath,
    path,
    method: 'POST',
    headers: { ...call.headers, host: 'd', 'content-length': 0 },
    agent: false,
    signal,
  });
  posted.end();
  try {
    const [response] = (await once(posted, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, lines: wholeLines(response, signal) };
  } catch (cause) {
    throw cutOff(cause, signal);
  }
}

async function* wholeLines(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  try {
    yield* readLines(response);
  } catch (cause) {
    throw cutOff(cause, signal);
  }
}

function cutOff(cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return new CodedError('PULL_CUT_OFF', 'podman broke off its answer', {
    hint: 'run the command again; see whether podman works at all: podman info',
    cause,
  });
}

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, run } from '@workbench/run';

/** Who started it stops it. */
const longestUseMs = 24 * 3600 * 1000;

/** A registry on the loopback interface. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  host: string;
}

/** Starts a registry on a free port, its files below a folder; with `users` it wants a login. */
export async function startRegistry(
  folder: string,
  users: Readonly<Record<string, string>> = {},
): Promise<TestRegistry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  mkdirSync(folder, { recursive: true });
  const passwords: string[] = [];
  for (const [user, password] of Object.entries(users)) {
    passwords.push((await tool('htpasswd', ['-nbB', user, password])).trim());
  }
  const auth = passwords.length === 0 ? '' : `auth: {htpasswd: {realm: test, path: ${join(folder, 'htpasswd')}}}\n`;
  writeFileSync(join(folder, 'htpasswd'), `${passwords.join('\n')}\n`);
  writeFileSync(
    join(folder, 'config.yml'),
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${join(folder, 'blobs')}}}\nhttp: {addr: "${host}"}\n${auth}`,
  );
  const stop = new AbortController();
  // Its name in Debian, and that in Fedora.
  const program = existsSync('/usr/bin/registry') ? 'registry' : 'docker-registry';
  const ended = run([program, 'serve', join(folder, 'config.yml')], {
    step: 'serve a registry (package docker-registry)',
    timeoutMs: longestUseMs,
    signal: stop.signal,
  });
  const failed = ended.then(() => Promise.reject(new Error('the registry ended')));
  failed.catch(() => undefined);
  await Promise.race([waitForAnswer(host), failed]);
  return {
    host,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended.catch(() => undefined);
    },
  };
}

/** Copies an image layout into a registry, as `NAME:TAG` there. @returns the whole name. */
export async function pushLayout(layout: string, name: string, credentials?: string): Promise<string> {
  const login = credentials === undefined ? [] : ['--dest-creds', credentials];
  await tool('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', ...login, `oci:${layout}`, `docker://${name}`]);
  return name;
}

/** Makes the programs that this process starts take registries on the loopback interface without TLS. */
export function allowPlainRegistries(home: string): void {
  const folder = join(home, '.config/containers');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'registries.conf'), '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n');
  process.env.HOME = home;
}

async function tool(program: string, args: readonly string[]): Promise<string> {
  return (await run([program, ...args], { step: `${program} for a test`, timeoutMs: 120_000 })).stdout;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new CodedError('TEST_PORT', 'no port');
  return address.port;
}

async function waitForAnswer(host: string): Promise<void> {
  for (;;) {
    const isThere = await fetch(`http://${host}/v2/`).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await sleep(50);
  }
}

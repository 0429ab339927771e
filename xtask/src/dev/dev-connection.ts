import { mkdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { CodedError } from '@workbench/run';
import { z } from 'zod';
import { workspaceRoot } from '../settings/workspace.ts';
import type { BcvkClient, BcvkVm } from '../vm/bcvk-client.ts';
import { devPlaces, devVmName } from './dev-places.ts';
import { GuestSession } from './guest-session.ts';

const checkoutLabelStart = 'bootc.checkout=';
const connectionSchema = z.object({ port: z.number() });

/** The label that says which checkout a development VM belongs to: its folder of versions is what the guest sees. */
export function checkoutLabel(checkout = workspaceRoot): string {
  // bcvk lists labels with commas between them.
  return `${checkoutLabelStart}${encodeURI(checkout).replaceAll(',', '%2C')}`;
}

/** The checkout that a development VM belongs to; undefined when it does not say. */
export function checkoutOf({ labels }: Pick<BcvkVm, 'labels'>): string | undefined {
  const label = labels.find((text) => text.startsWith(checkoutLabelStart));
  return label === undefined ? undefined : decodeURIComponent(label.slice(checkoutLabelStart.length));
}

/**
 * Refuses a development VM of another checkout: what is built here would never be seen in it.
 *
 * @throws CodedError DEV_VM_OTHER_CHECKOUT.
 */
export function refuseOtherCheckout(vm: Pick<BcvkVm, 'labels'>, checkout = workspaceRoot): void {
  const made = checkoutOf(vm);
  if (made === undefined || made === checkout) return;
  throw new CodedError('DEV_VM_OTHER_CHECKOUT', `${devVmName} belongs to the checkout ${made}`, {
    hint: `work there, or remove it: just bcvk rm ${devVmName}`,
  });
}

/**
 * What bcvk knows of the running development VM of this checkout.
 *
 * @throws CodedError DEV_VM_MISSING, DEV_VM_STOPPED, DEV_VM_OTHER_CHECKOUT.
 */
export async function runningDevVm(bcvk: BcvkClient): Promise<BcvkVm & { ssh_port: number; ssh_private_key: string }> {
  const vm = await bcvk.inspect(devVmName);
  if (vm?.ssh_port == null || vm.ssh_private_key == null) {
    throw new CodedError('DEV_VM_MISSING', `there is no VM ${devVmName}`, { hint: 'just bcvk up' });
  }
  refuseOtherCheckout(vm);
  if (vm.state !== 'running') {
    throw new CodedError('DEV_VM_STOPPED', `VM ${devVmName} is ${vm.state}`, { hint: 'just bcvk up starts it' });
  }
  return { ...vm, ssh_port: vm.ssh_port, ssh_private_key: vm.ssh_private_key };
}

/** A session in the running development VM. @throws CodedError as {@link runningDevVm}. */
export async function openDevSession(bcvk: BcvkClient): Promise<GuestSession> {
  const vm = await runningDevVm(bcvk);
  mkdirSync(devPlaces.logs, { recursive: true });
  await writeFile(devPlaces.keyFile, `${vm.ssh_private_key.trimEnd()}\n`, { mode: 0o600 });
  await writeFile(devPlaces.connection, `${JSON.stringify({ port: vm.ssh_port })}\n`);
  return sessionAt(vm.ssh_port);
}

/**
 * The session that an earlier call opened, where its connection is still there; that bcvk need not be asked for it is
 * a second and more of each sync. The connection ends with the VM, so an open one is that of the VM that runs.
 */
export async function reuseDevSession(): Promise<GuestSession | undefined> {
  const text = await readFile(devPlaces.connection, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { data } = connectionSchema.safeParse(parseJson(text));
  if (data === undefined) return undefined;
  const session = sessionAt(data.port);
  return (await session.isOpen()) ? session : undefined;
}

/** Ends what an earlier call opened, and forgets it. */
export async function closeDevSession(): Promise<void> {
  await (await reuseDevSession())?.close();
  for (const file of [devPlaces.connection, devPlaces.keyFile]) await rm(file, { force: true });
}

function sessionAt(port: number): GuestSession {
  return new GuestSession({ port, keyFile: devPlaces.keyFile }, devPlaces.socket);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { join } from 'node:path';
import type { BootLocation } from '../storage/boot-entries.ts';
import { fileOfEntry } from '../storage/boot-entries.ts';
import { readOptionalBytes } from '../storage/optional-file.ts';
import type { DeploymentRecord } from '../storage/root-model.ts';
import { windowOfFile } from '../uki/byte-window.ts';
import { readSigner, type Signer } from '../uki/signer.ts';
import { readUnifiedKernel } from '../uki/unified-kernel.ts';

/** How far what a deployment boots with is guarded. */
export interface Seal {
  /** Its command line demands fs-verity of the root, and it is signed; whether by a key that is trusted, the firmware knows. */
  sealed: boolean;
  signer: Signer | null;
}

/** What the firmware checks: nothing, signatures of everything it starts, or nothing yet since it has no keys. */
export type SecureBoot = 'enabled' | 'disabled' | 'setup';

/** The seal of a deployment with a unified kernel image; undefined for another, or when the image cannot be read. */
export function readSeal(deployment: DeploymentRecord, boot: BootLocation): Seal | undefined {
  const target = deployment.entries[0]?.entry.target;
  if (target?.kind !== 'efi') return undefined;
  try {
    using file = windowOfFile(fileOfEntry(target.path, boot));
    const kernel = readUnifiedKernel(file, target.path);
    const signer = readSigner(file, kernel.pe) ?? null;
    return { sealed: signer !== null && kernel.composefs?.isMissingVerityAllowed === false, signer };
  } catch {
    // That it is missing or damaged is told by the boot entries, and by fsck.
    return undefined;
  }
}

const globalVariable = '8be4df61-93ca-11d2-aa0d-00e098032b8c';

/** What the firmware says of Secure Boot (UEFI 2.10, 3.3); undefined without EFI. */
export async function readSecureBoot(root: string): Promise<SecureBoot | undefined> {
  const [enabled, setup] = await Promise.all(['SecureBoot', 'SetupMode'].map((name) => readFlag(root, name)));
  if (enabled === undefined) return undefined;
  if (enabled) return 'enabled';
  return setup === true ? 'setup' : 'disabled';
}

// Four bytes of attributes, then the value.
async function readFlag(root: string, name: string): Promise<boolean | undefined> {
  const bytes = await readOptionalBytes(join(root, 'sys/firmware/efi/efivars', `${name}-${globalVariable}`));
  return bytes === undefined || bytes.length < 5 ? undefined : bytes[4] === 1;
}

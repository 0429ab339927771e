import { displayReference } from '../deployment/image-reference.ts';
import type { BootEntryDocument, HostDocument, ImageReferenceDocument, SealDocument } from './host-document.ts';
import { timestampInSeconds } from './timestamp.ts';

/** The status document for people, ending in a newline. */
export function formatHumanReadable(document: HostDocument, options: { isVerbose: boolean }): string {
  const { staged, booted, rollback, otherDeployments = [], usrOverlay } = document.status;
  if (booted === null) return 'System is not deployed via bootc.\n';
  const overlay: Row[] =
    usrOverlay === null
      ? []
      : [
          [
            '/usr overlay',
            `${usrOverlay.persistence}, ${usrOverlay.accessMode === 'readOnly' ? 'read-only' : 'read/write'}`,
          ],
        ];
  const block = (marker: string, name: string, entry: BootEntryDocument, more: Row[] = []): string =>
    formatBlock(marker, name, entry, [...more, ...(options.isVerbose ? verboseRows(entry, name === 'Staged') : [])]);
  const blocks = [
    ...(staged === null ? [] : [block('  ', 'Staged', staged)]),
    block('● ', 'Booted', booted, [...secureBootRows(document), ...overlay]),
    ...(rollback === null ? [] : [block('  ', 'Rollback', rollback)]),
    ...otherDeployments.map((other) => block('   ', 'Other', other)),
    ...formatOddities(document),
  ];
  return blocks.join('\n');
}

type Row = readonly [label: string, value: string];

function formatBlock(marker: string, name: string, entry: BootEntryDocument, more: readonly Row[]): string {
  const { image, composefs } = entry;
  const seal = sealRows(composefs.seal);
  if (image === null)
    return formatRows(`${marker}${name} composefs`, undefined, [['Commit', composefs.verity], ...seal, ...more]);
  return formatRows(`${marker}${name} image`, showReference(image.image), [
    ['Digest', `${image.imageDigest} (${image.architecture})`],
    ['Verity', composefs.verity],
    ...versionRows(image.version, image.timestamp),
    ...updateRows(entry.cachedUpdate),
    ...(entry.pinned ? [['Pinned', 'yes'] as const] : []),
    ...seal,
    ...more,
  ]);
}

function versionRows(version: string | null, timestamp: string | null): Row[] {
  const time = timestamp === null ? undefined : timestampInSeconds(timestamp);
  if (version !== null) return [['Version', time === undefined ? version : `${version} (${time})`]];
  return time === undefined ? [] : [['Timestamp', time]];
}

function sealRows(seal: SealDocument | undefined): Row[] {
  if (seal === undefined) return [];
  const { signer } = seal;
  const by = signer === null ? 'not signed' : `signed by ${signer.subject} (${signer.fingerprint.slice(0, 16)})`;
  const why = !seal.sealed && signer !== null ? 'fs-verity may be missing, ' : '';
  return [['Sealed', `${seal.sealed ? 'yes' : 'no'}, ${why}${by}`]];
}

function secureBootRows({ status }: HostDocument): Row[] {
  if (status.secureBoot === undefined) return [];
  return [['Secure Boot', status.secureBoot === 'setup' ? 'no keys enrolled (setup mode)' : status.secureBoot]];
}

function updateRows(update: BootEntryDocument['cachedUpdate']): Row[] {
  if (update === null) return [];
  const [row] = versionRows(update.version, update.timestamp);
  return [
    row?.[0] === 'Version' ? ['UpdateVersion', row[1]] : ['Update', 'Available'],
    ['UpdateDigest', update.imageDigest],
  ];
}

function verboseRows(entry: BootEntryDocument, isStaged: boolean): Row[] {
  const signature = entry.image?.image.signature;
  const shown = typeof signature === 'object' ? `ostree-remote: ${signature.ostreeRemote}` : signature;
  return [
    ...(shown === undefined ? [] : [['Signature', shown] as const]),
    ['Soft-reboot', yesOrNo(entry.softRebootCapable)],
    ['FsVerity', entry.composefs.missingVerityAllowed ? 'Not Enforced' : 'Enforced'],
    ...(isStaged ? [['Download-only', yesOrNo(entry.downloadOnly)] as const] : []),
  ];
}

function formatRows(heading: string, value: string | undefined, rows: readonly Row[]): string {
  // In characters, not bytes: the marker of the booted deployment is one character of three bytes.
  const width = [...heading].length;
  const lines = rows.map(([label, text]) => `${label.padStart(width)}: ${text}\n`);
  return `${heading}${value === undefined ? '' : `: ${value}`}\n${lines.join('')}`;
}

function formatOddities(document: HostDocument): string[] {
  const { unmanaged = [], incomplete = [], lastFinalize } = document.status;
  const lines = [
    ...(lastFinalize === undefined
      ? []
      : [
          `  ${lastFinalize.image}, staged before, is not what is booted: ${lastFinalize.message} (${lastFinalize.time})\n`,
        ]),
    ...incomplete.map(({ problem }) => `  ${problem}\n`),
    ...unmanaged.map(({ entry, reason }) => `  boot entry ${entry} is not managed by bootc: ${reason}\n`),
  ];
  return lines.length === 0 ? [] : [`Notes:\n${lines.join('')}`];
}

function showReference(reference: ImageReferenceDocument): string {
  return displayReference(reference);
}

function yesOrNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

import { CodedError } from '@workbench/run';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { type ComposefsArgument, findComposefsArgument, parseKernelArguments } from '../boot/kernel-arguments.ts';
import { type OsRelease, parseOsRelease } from '../boot/os-release.ts';
import type { ByteWindow } from './byte-window.ts';
import { type PeImage, type PeSection, readPeImage } from './pe-image.ts';

/** The parts of a unified kernel image (UAPI "Unified Kernel Image"), each read when it is asked for. */
export interface UnifiedKernel {
  pe: PeImage;
  /** The kernel command line: without the zeros and the newline that may follow it. */
  commandLine: string;
  /** The deployment that the command line names; absent when it names none. */
  composefs?: ComposefsArgument;
  osRelease: OsRelease;
  /** What `uname -r` says of the kernel, if the image tells it. */
  uname?: string;
  readKernel(): Buffer;
  /** Empty when the image has none. */
  readInitrd(): Buffer;
}

/** Longest text section that is believed. */
const longestTextBytes = 1024 * 1024;

/**
 * Reads a unified kernel image. Of one with several profiles (systemd-stub(7)) it is the part that all share.
 *
 * @param name for error messages.
 * @throws CodedError `PE_INVALID`; `UKI_INVALID` when it has no kernel or no command line, or a section twice.
 */
export function readUnifiedKernel(file: ByteWindow, name: string): UnifiedKernel {
  const pe = readPeImage(file, name);
  const sections = sharedSections(pe, name);
  const bytesOf = (section: PeSection | undefined): Buffer =>
    section === undefined ? Buffer.alloc(0) : file.read(section.offset, section.sizeBytes);
  const textOf = (sectionName: string): string | undefined => {
    const section = sections.get(sectionName);
    if (section === undefined) return undefined;
    if (section.sizeBytes > longestTextBytes) throw invalid(name, `its section ${sectionName} is too long for a text`);
    return bytesOf(section).toString('utf8').replace(/\0.*$/s, '').trimEnd();
  };
  const kernel = sections.get('.linux');
  if (kernel === undefined || kernel.sizeBytes === 0) throw invalid(name, 'it has no kernel (section .linux)');
  const commandLine = textOf('.cmdline');
  if (commandLine === undefined) throw invalid(name, 'it has no command line (section .cmdline)');
  const uname = textOf('.uname');
  const composefs = findComposefsArgument(parseKernelArguments(commandLine));
  return {
    pe,
    commandLine,
    ...(composefs === undefined ? {} : { composefs }),
    osRelease: parseOsRelease(textOf('.osrel') ?? ''),
    ...(uname === undefined || uname === '' ? {} : { uname }),
    readKernel: () => bytesOf(kernel),
    readInitrd: () => bytesOf(sections.get('.initrd')),
  };
}

/** The boot digest of a unified kernel image: over its kernel and its initrd, as of a kernel folder. */
export function bootDigestOfUnifiedKernel(kernel: UnifiedKernel): Promise<string> {
  return computeBootDigest([kernel.readKernel()], [kernel.readInitrd()]);
}

// Sections after the first .profile replace shared ones when that profile is chosen.
function sharedSections(pe: PeImage, name: string): Map<string, PeSection> {
  const firstProfile = pe.sections.findIndex((section) => section.name === '.profile');
  const shared = new Map<string, PeSection>();
  for (const section of firstProfile === -1 ? pe.sections : pe.sections.slice(0, firstProfile)) {
    if (ukiSections.has(section.name) && shared.has(section.name)) throw invalid(name, `it has ${section.name} twice`);
    shared.set(section.name, section);
  }
  return shared;
}

const ukiSections = new Set(['.linux', '.initrd', '.cmdline', '.osrel', '.uname']);

function invalid(name: string, why: string): CodedError {
  return new CodedError('UKI_INVALID', `${name} is no usable unified kernel image: ${why}`, {
    hint: 'build it with bootc container ukify',
  });
}

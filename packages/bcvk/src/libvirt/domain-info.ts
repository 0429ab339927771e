import { XMLParser } from 'fast-xml-parser';
import { domainState, isNoDomain, type Virsh, vmNotFound } from './virsh.ts';

/** One VM, with the names and the order of real bcvk's JSON. */
export interface DomainInfo {
  name: string;
  /** libvirt's word: `running`, `shut off`, `paused`, … */
  state: string;
  image: string | null;
  /** ISO 8601. */
  created: string | null;
  memory_mb: number | null;
  vcpus: number | null;
  disk_path: string | null;
  labels: string[];
  ssh_port: number | null;
  has_ssh_key: boolean;
  ssh_private_key: string | null;
}

/** A VM with what only this program needs of it. */
export interface DomainRecord {
  info: DomainInfo;
  /** All of our metadata, without prefix. */
  metadata: ReadonlyMap<string, string>;
  serialLog: string | undefined;
  virtioLog: string | undefined;
}

type Tree = { [name: string]: unknown };
const lists = new Set(['disk', 'console', 'serial', 'filesystem', 'channel']);
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (name) => lists.has(name),
});

/** Reads a domain's XML; undefined if it was not made by bcvk (no `bootc:container` in its metadata). */
export function readDomain(xml: string, state: string): DomainRecord | undefined {
  const domain = (parser.parse(xml) as Tree).domain as Tree;
  const container = (domain.metadata as Tree | undefined)?.container;
  if (typeof container !== 'object' || container === null) return undefined;
  const metadata = new Map(
    Object.entries(container)
      .filter(([name]) => !name.startsWith('@'))
      .map(([name, value]) => [name, textOf(value)]),
  );
  const devices = (domain.devices ?? {}) as Tree;
  const disk = asList(devices.disk).find((entry) => entry['@type'] === 'file');
  const key = metadata.get('ssh-private-key-base64');
  const logOf = (type: string) =>
    asList(devices.console)
      .filter((entry) => (entry.target as Tree | undefined)?.['@type'] === type)
      .map((entry) => (entry.log as Tree | undefined)?.['@file'])
      .find((file) => typeof file === 'string');
  return {
    info: {
      name: textOf(domain.name),
      state,
      image: metadata.get('source-image') ?? null,
      created: metadata.get('created') ?? null,
      memory_mb: readMemoryMiB(domain.memory),
      vcpus: numberOrNull(textOf(domain.vcpu)),
      disk_path: ((disk?.source as Tree | undefined)?.['@file'] as string | undefined) ?? null,
      labels: (metadata.get('label') ?? '').split(',').filter((label) => label !== ''),
      ssh_port: numberOrNull(metadata.get('ssh-port')),
      has_ssh_key: key !== undefined,
      ssh_private_key: key === undefined ? null : Buffer.from(key, 'base64').toString('utf8'),
    },
    metadata,
    serialLog: logOf('serial'),
    virtioLog: logOf('virtio'),
  };
}

/**
 * One VM by name.
 *
 * @throws CodedError VM_NOT_FOUND if there is no such domain, or bcvk did not make it
 */
export async function getDomain(virsh: Virsh, name: string): Promise<DomainRecord> {
  const domain = await lookUpDomain(virsh, name);
  if (domain === undefined) throw vmNotFound(name);
  return domain;
}

/** All VMs that bcvk made, running or not, in the order of their names. */
export async function listDomains(virsh: Virsh): Promise<DomainRecord[]> {
  const { stdout } = await virsh(['list', '--all', '--name'], 'list the domains');
  const names = stdout.split('\n').map((line) => line.trim());
  const domains = await Promise.all(names.filter((name) => name !== '').map((name) => lookUpDomain(virsh, name)));
  return domains.filter((domain) => domain !== undefined).sort((a, b) => (a.info.name < b.info.name ? -1 : 1));
}

async function lookUpDomain(virsh: Virsh, name: string): Promise<DomainRecord | undefined> {
  const state = await domainState(virsh, name);
  if (state === undefined) return undefined;
  try {
    return readDomain((await virsh(['dumpxml', '--domain', name], `read the domain ${name}`)).stdout, state);
  } catch (error) {
    // A transient domain may end between the two questions.
    if (isNoDomain(error)) return undefined;
    throw error;
  }
}

function asList(value: unknown): Tree[] {
  return Array.isArray(value) ? (value as Tree[]) : [];
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && '#text' in value) return String(value['#text']);
  return '';
}

function numberOrNull(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

const bytesOfUnit: Record<string, number> = {
  b: 1,
  bytes: 1,
  KiB: 2 ** 10,
  k: 2 ** 10,
  MiB: 2 ** 20,
  M: 2 ** 20,
  GiB: 2 ** 30,
};

function readMemoryMiB(value: unknown): number | null {
  const amount = numberOrNull(textOf(value));
  const unit = typeof value === 'object' && value !== null ? (value as Tree)['@unit'] : undefined;
  const factor = bytesOfUnit[typeof unit === 'string' ? unit : 'KiB'];
  return amount === null || factor === undefined ? null : Math.floor((amount * factor) / 2 ** 20);
}

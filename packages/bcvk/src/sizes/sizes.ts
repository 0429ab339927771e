import { CodedError } from '@workbench/run';

const factorOf: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * Bytes of a disk size: a whole number of bytes, or with a unit, of 1024 each: `10G`, `5120M`, `10GiB`, `10GB`.
 *
 * @throws CodedError BAD_SIZE
 */
export function parseDiskSize(text: string): number {
  const match = /^(\d+)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const bytes = Number(match?.[1]) * (factorOf[match?.[2]?.toUpperCase() ?? '?'] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes) || bytes === 0) {
    throw new CodedError('BAD_SIZE', `'${text}' is no disk size`, { hint: 'write 10G, 5120M, or bytes', exitCode: 2 });
  }
  return bytes;
}

/**
 * Mebibytes of a memory size: a plain number is mebibytes, else a unit says so: `4G`, `2048M`.
 *
 * @throws CodedError BAD_SIZE
 */
export function parseMemoryMiB(text: string): number {
  const bytes = /^\d+$/.test(text.trim()) ? Number(text) * 2 ** 20 : parseDiskSize(text);
  const mebibytes = Math.floor(bytes / 2 ** 20);
  if (mebibytes < 128) {
    throw new CodedError('BAD_SIZE', `'${text}' is too little memory for a guest`, {
      hint: 'write 4G, 2048M, or mebibytes',
      exitCode: 2,
    });
  }
  return mebibytes;
}

/** A number of bytes for people, with one digit: `1.5 GiB`. */
export function showBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return unit === 0 ? `${bytes} B` : `${(bytes / 2 ** (10 * unit)).toFixed(1)} ${units[unit]}`;
}

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

/** The 32-bit xxHash of bytes (doc/xxhash_spec.md of xxHash), as a number below 2^32. */
export function xxhash32(data: Uint8Array, seed: number): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  let hash: number;
  if (data.length >= 16) {
    const lanes = [seed + prime1 + prime2, seed + prime2, seed, seed - prime1];
    for (; at + 16 <= data.length; at += 16) {
      for (let lane = 0; lane < 4; lane++) {
        const input = Math.imul(view.getUint32(at + lane * 4, true), prime2);
        lanes[lane] = Math.imul(rotate(((lanes[lane] as number) + input) | 0, 13), prime1);
      }
    }
    const [a, b, c, d] = lanes as [number, number, number, number];
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
  } else {
    hash = seed + prime5;
  }
  hash = (hash + data.length) | 0;
  for (; at + 4 <= data.length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(view.getUint32(at, true), prime3)) | 0, 17), prime4);
  }
  for (; at < data.length; at++) {
    hash = Math.imul(rotate((hash + Math.imul(data[at] as number, prime5)) | 0, 11), prime1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

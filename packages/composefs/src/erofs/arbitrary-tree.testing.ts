import fc from 'fast-check';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { digestBytes } from '../fsverity/algorithm.ts';
import type { ByteString, Directory, FileContent, Leaf, Metadata, Node } from '../tree/tree.ts';

/** Random trees for property tests: what a dumpfile can say, with sizes and names near the borders of the format. */
export function arbitraryTree(algorithm: HashAlgorithm, maxNodes: number): fc.Arbitrary<Directory> {
  const node = fc.record({
    parent: fc.nat(),
    link: fc.nat(),
    name: arbitraryName,
    node: arbitraryNode(algorithm),
    copies: fc.oneof({ weight: 30, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(200) }),
  });
  return fc.tuple(arbitraryMetadata, fc.array(node, { maxLength: maxNodes })).map(([metadata, steps]) => {
    const root: Directory = { type: 'directory', metadata, entries: new Map() };
    const directories = [root];
    const leaves: Leaf[] = [];
    for (const { parent, link, name, node: made, copies } of steps) {
      const directory = directories[parent % directories.length] as Directory;
      for (let copy = 0; copy < copies; copy++) {
        const copyName = copy === 0 ? name : `${name.slice(0, 250)}-${copy}`;
        if (directory.entries.has(copyName)) continue;
        const entry = made === 'hard-link' ? leaves[link % leaves.length] : cloneNode(made);
        if (entry === undefined) continue;
        directory.entries.set(copyName, entry);
        if (entry.type === 'directory') directories.push(entry);
        else if (entry.type !== 'char-device' || entry.device !== 0) leaves.push(entry);
      }
    }
    return root;
  });
}

function cloneNode(node: Node): Node {
  const metadata = { ...node.metadata, xattrs: new Map(node.metadata.xattrs) };
  return node.type === 'directory' ? { type: 'directory', metadata, entries: new Map() } : { ...node, metadata };
}

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));

function bytes(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  const short = fc.uint8Array({ minLength, maxLength: Math.min(maxLength, minLength + 20) });
  const long = fc
    .tuple(fc.integer({ min: minLength, max: maxLength }), fc.nat(255))
    .map(([length, fill]) => new Uint8Array(length).fill(fill));
  return fc.oneof(short, long).map((data) => Buffer.from(data));
}

const arbitraryName: fc.Arbitrary<ByteString> = fc
  .oneof(
    fc.constantFrom('-', '!x', '00', 'ff', 'usr', 'run', '..a', '.x'),
    fc.stringMatching(/^[a-z0-9]{1,12}$/),
    fc.string({ unit: byte, minLength: 1, maxLength: 20 }),
    fc.integer({ min: 100, max: 255 }).map((length) => 'n'.repeat(length)),
  )
  .map((name) => name.replaceAll(/[/\0]/g, '_'))
  .filter((name) => name !== '.' && name !== '..');

const attributeName = fc.oneof(
  fc.constantFrom(
    'user.x',
    'user.overlay.other',
    'security.selinux',
    'security.capability',
    'trusted.foo',
    'trusted.overlay.redirect',
    'trusted.overlay.overlay.foo',
    'system.posix_acl_access',
    'system.posix_acl_default',
    'system.nfs4_acl',
    'lustre.lov',
    'odd',
  ),
  fc.stringMatching(/^user\.[a-z=\\]{0,20}$/),
);

const attributeValue = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('', '-', 'y', 'system_u:object_r:usr_t:s0').map((text) => Buffer.from(text)),
  },
  { weight: 2, arbitrary: bytes(0, 300) },
  { weight: 1, arbitrary: bytes(3000, 5000) },
);

const arbitraryMetadata: fc.Arbitrary<Metadata> = fc.record({
  permissions: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 0, 0, 1000, 65535, 65536, 0xffffffff),
  gid: fc.constantFrom(0, 0, 0, 5, 65535, 65536, 0xffffffff),
  mtimeSeconds: fc.constantFrom(1000n, 1000n, 1000n, 1001n, 2n ** 31n, 2n ** 34n),
  mtimeNanoseconds: fc.constantFrom(0, 0, 0, 5, 999_999_999),
  xattrs: fc
    .oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(fc.tuple(attributeName, attributeValue), { maxLength: 4 }) },
    )
    .map((pairs) => new Map<ByteString, Uint8Array>(pairs)),
});

function arbitraryContent(algorithm: HashAlgorithm): fc.Arbitrary<FileContent> {
  const length = digestBytes[algorithm];
  const digest = fc.oneof(
    fc.constantFrom(1, 2).map((fill) => Buffer.alloc(length, fill).toString('hex')),
    fc.uint8Array({ minLength: length, maxLength: length }).map((data) => Buffer.from(data).toString('hex')),
  );
  const sizeBytes = fc.constantFrom(
    1n,
    65n,
    4096n,
    4097n,
    10n ** 6n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 43n,
    2n ** 52n + 1n,
  );
  return fc.oneof(
    bytes(0, 512).map((data) => ({ kind: 'inline' as const, data })),
    fc.record({ kind: fc.constant('external' as const), digest, sizeBytes }),
    fc.record({ kind: fc.constant('external-unverified' as const), digest, sizeBytes }),
    fc.record({ kind: fc.constant('sparse' as const), sizeBytes }),
  );
}

function arbitraryNode(algorithm: HashAlgorithm): fc.Arbitrary<Node | 'hard-link'> {
  const metadata = arbitraryMetadata;
  const device = fc.constantFrom(0, 0x103, 0xffffffff);
  const target = bytes(1, 1024).map((data) => data.toString('latin1').replaceAll('\0', '0'));
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ type: fc.constant('directory' as const), metadata, entries: fc.constant(new Map()) }),
    },
    {
      weight: 8,
      arbitrary: fc.record({ type: fc.constant('file' as const), metadata, content: arbitraryContent(algorithm) }),
    },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('symlink' as const), metadata, target }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constantFrom('char-device' as const, 'block-device' as const),
        metadata,
        device,
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('fifo' as const, 'socket' as const), metadata }) },
    { weight: 2, arbitrary: fc.constant('hard-link' as const) },
  );
}

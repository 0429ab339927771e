import { expect, test } from 'vitest';
import { formatBlsMenu, formatGrubStart } from './bls-menu.ts';

test('a menu of grub is made from entries, in their order', () => {
  const entry = (version: string, options: string) => ({
    fileName: `bootc_1_x-${version}-1.conf`,
    entry: {
      title: `Tom's OS ${version}`,
      version,
      target: { kind: 'linux' as const, linux: '/boot/k/vmlinuz', initrds: ['/boot/k/initrd'], options },
    },
  });
  const efi = {
    fileName: 'x.conf',
    entry: { version: '1', target: { kind: 'efi' as const, key: 'efi' as const, path: '/x' } },
  };
  expect(formatBlsMenu([entry('9', 'rw composefs=?ab dyndbg="file a.c +p"'), efi, entry('10', 'quiet')])).toBe(
    `# Made from the entries in this folder; bootc writes it anew with them.
set default=0
menuentry 'Tom'\\''s OS 9' --id bootc_1_x-9-1 {
    linux /boot/k/vmlinuz rw 'composefs=?ab' 'dyndbg=file a.c +p'
    initrd /boot/k/initrd
}
menuentry 'Tom'\\''s OS 10' --id bootc_1_x-10-1 {
    linux /boot/k/vmlinuz quiet
    initrd /boot/k/initrd
}
`,
  );
});

test('the start finds the file system with /boot', () => {
  const start = formatGrubStart({ filesystemUuid: '7d444840-9dc0', bootIsMount: false });
  expect(start).toContain('--fs-uuid 7d444840-9dc0\n');
  expect(start).toContain('source /boot/loader/entries/bootc_menu.cfg\n');
  expect(formatGrubStart({ filesystemUuid: '1', bootIsMount: true })).toContain('source /loader/entries/');
});

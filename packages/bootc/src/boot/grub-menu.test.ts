import { expect, test } from 'vitest';
import { parseGrubMenu, renameInGrubMenu, withoutGrubEntries } from './grub-menu.ts';

const menu = `# by hand
if [ -f \${config_directory}/efiuuid.cfg ]; then
source \${config_directory}/efiuuid.cfg
fi

menuentry "New: (1a)" {
insmod fat
insmod chain
search --no-floppy --set=root --fs-uuid "\${EFI_PART_UUID}"
chainloader /EFI/Linux/bootc/1a.efi
}
menuentry 'Old: (2b)' {
  chainloader /EFI/Linux/bootc/2b.efi
}
menuentry "Firmware" {
fwsetup
}
chainloader /outside.efi
`;

test('entries that start an EFI program are read in their order', () => {
  expect(parseGrubMenu(menu)).toEqual([
    { title: 'New: (1a)', path: '/EFI/Linux/bootc/1a.efi' },
    { title: 'Old: (2b)', path: '/EFI/Linux/bootc/2b.efi' },
  ]);
});

test('only the programs are renamed', () => {
  const renamed = renameInGrubMenu(menu, (path) => path.replace('2b', 'xyz'));
  expect(renamed).toBe(menu.replace('bootc/2b.efi', 'bootc/xyz.efi'));
});

test('an entry goes with its block, and nothing else', () => {
  const without = withoutGrubEntries(menu, (path) => path.endsWith('/2b.efi'));
  expect(without).toBe(menu.replace(/menuentry 'Old[^}]*\}\n/, ''));
  expect(parseGrubMenu(without).map(({ title }) => title)).toEqual(['New: (1a)']);
  expect(withoutGrubEntries(menu, (path) => path === '/outside.efi')).toBe(menu);
  expect(withoutGrubEntries('menuentry "cut off" {\nchainloader /a.efi', () => true)).toContain('/a.efi');
});

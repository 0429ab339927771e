/** What a console line says about a guest that will not finish. */
export interface FatalPattern {
  code: string;
  pattern: RegExp;
  meaning: string;
}

/** Console lines after which waiting is useless. */
export const fatalPatterns: readonly FatalPattern[] = [
  { code: 'GUEST_PANIC', pattern: /Kernel panic - not syncing/, meaning: "the guest's kernel panicked" },
  {
    code: 'GUEST_EMERGENCY',
    pattern: /You are in emergency mode|Entering emergency mode|emergency\.target/,
    meaning: 'the guest fell to an emergency shell',
  },
  { code: 'GUEST_FROZEN', pattern: /systemd\[1\]: Freezing execution/, meaning: "the guest's systemd froze" },
  {
    code: 'GUEST_DEPENDENCY',
    pattern:
      /(Dependency failed for|Timed out waiting for device) .*(bcvk-install|bootc install|virtio-output|bcvk\.output|container-storage)/,
    meaning: 'the installer lacks something that it needs',
  },
  { code: 'GUEST_OOM', pattern: /Out of memory: Killed process/, meaning: 'the guest ran out of memory' },
  {
    code: 'GUEST_HUNG_TASK',
    pattern: /INFO: task .* blocked for more than \d+ seconds/,
    meaning: 'a task of the guest hangs',
  },
];

/** The pattern that a console line matches, if any. Escape sequences in it are ignored. */
export function matchFatal(line: string): FatalPattern | undefined {
  const plain = stripControl(line);
  return fatalPatterns.find(({ pattern }) => pattern.test(plain));
}

/** Console text without escape sequences and other control characters; newlines and tabs stay. */
export function stripControl(line: string): string {
  return line.replaceAll(/\u001b\[[0-9;?!]*[A-Za-z]|\u001b\][^\u0007]*\u0007|[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}

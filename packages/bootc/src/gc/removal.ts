/** Something on the disk that is to go, and why. */
export interface Removal {
  kind: 'boot-entry' | 'staged-entries' | 'staged-record' | 'boot-artifact' | 'state-directory';
  path: string;
  reason: string;
}

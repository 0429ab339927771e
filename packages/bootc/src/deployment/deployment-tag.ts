/** What the names of the tags begin with that this program makes; all others belong to somebody else. */
export const deploymentTagPrefix = 'localhost/bootc-';

/** The tag that keeps the image of a deployment in the repository. */
export function deploymentTag(manifestDigest: string): string {
  return `${deploymentTagPrefix}${manifestDigest}`;
}

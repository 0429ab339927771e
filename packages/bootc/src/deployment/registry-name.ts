import { CodedError } from '@workbench/run';

/** The name of an image in a registry, taken apart. */
export interface RegistryName {
  /** Registry and repository, as in `quay.io/example/os`. */
  name: string;
  tag?: string;
  /** `sha256:…` */
  digest?: string;
}

// The grammar of https://github.com/distribution/reference.
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const host = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:]+\\])(?::[0-9]+)?';
const grammar = new RegExp(
  `^((?:${host}/)?${component}(?:/${component})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@([a-z0-9]+:[0-9a-f]{32,}))?$`,
);

/**
 * Takes the name of an image in a registry apart.
 *
 * @throws CodedError `IMAGE_NAME_INVALID`.
 */
export function parseRegistryName(text: string): RegistryName {
  const match = grammar.exec(text);
  if (match === null) {
    throw new CodedError('IMAGE_NAME_INVALID', `${JSON.stringify(text)} is not the name of an image in a registry`, {
      hint: 'write it as HOST/REPOSITORY:TAG; for another place use --transport',
    });
  }
  const [, name, tag, digest] = match;
  return { name: name!, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

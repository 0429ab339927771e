import { internalVerbsWithPrivateMounts, verbsWithPrivateMounts } from '../cli/private-mount-verbs.ts';
import { containerMarkers, guardVariable } from '../storage/mount-namespace.ts';

/** Where the launcher finds what it looks at. */
export interface LauncherPlaces {
  /** Folder of the runtime and the program. */
  library: string;
  /** Prefix of the absolute paths that it reads; empty but in tests. */
  root: string;
}

/**
 * The text of `/usr/bin/bootc`, a script for sh(1). On a booted host it gives the verbs that need one a mount namespace of their own
 * before the program starts. The program does that by itself where this has not been done, but then it starts twice, and a start is
 * a third of what a small verb costs.
 */
export function launcherText({ library, root }: LauncherPlaces = { library: '/usr/lib/bootc', root: '' }): string {
  const isNoContainer = containerMarkers.map((marker) => `[ ! -e ${root}${marker} ]`).join(' && ');
  return `#!/bin/sh
# A program that is called by another name of this file is a verb of bootc.
case $0 in
    *bootc-systemd-generator) set -- internals systemd-generator "$@" ;;
esac

# Whether the command line is of a verb that mounts what nobody else should see.
needs_private_mounts() {
    verb='' subverb=''
    for argument do
        case $argument in
            --help | -h) return 1 ;;
            -*) ;;
            *) if [ -z "$verb" ]; then verb=$argument; elif [ -z "$subverb" ]; then subverb=$argument; fi ;;
        esac
    done
    case $verb in
        ${verbsWithPrivateMounts.join(' | ')}) ;;
        internals)
            case $subverb in
                ${internalVerbsWithPrivateMounts.join(' | ')}) ;;
                *) return 1 ;;
            esac
            ;;
        *) return 1 ;;
    esac
}

# Whether this is root on a host that was booted from composefs, outside a namespace made here.
is_booted_host() {
    [ -z "\${${guardVariable}+set}" ] && [ -O ${root}/proc/1 ] && ${isNoContainer} || return 1
    read -r command_line <${root}/proc/cmdline || [ -n "$command_line" ] || return 1
    case " $command_line" in
        *[[:space:]]composefs=*) ;;
        *) return 1 ;;
    esac
}

if needs_private_mounts "$@" && is_booted_host && command -v unshare >/dev/null; then
    export ${guardVariable}=1
    exec unshare -m -- ${library}/node ${library}/bootc.cjs "$@"
fi
exec ${library}/node ${library}/bootc.cjs "$@"
`;
}

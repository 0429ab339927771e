# Entry points. A recipe is one line; the work is in xtask (`just plan` shows what a test run would do).
# `./justw RECIPE` installs what this machine lacks, then does the same.

set positional-arguments

export PATH := justfile_directory() / "node_modules/.bin:" + justfile_directory() / "target/tools/venv/bin:" + env("PATH")
xtask := "node xtask/src/main.ts"

# The development VM, and the other VMs of this machine: `just bcvk`
mod bcvk

[private]
default:
    @{{ just_executable() }} --list --unsorted

# Build the OS image of the cell, localhost/bootc
[group('vm tests')]
[no-exit-message]
build *ARGS:
    @{{ xtask }} build "$@"

# Build the sealed image: a signed boot loader and a signed unified kernel image, for machines with Secure Boot
[group('vm tests')]
[no-exit-message]
build-sealed *ARGS:
    @{{ xtask }} build --boot-type=uki --seal-state=sealed --make-keys "$@"

# Build, then run the tmt plans whose name contains one of the words: `just test-tmt readonly --filesystem=btrfs`
[group('vm tests')]
[no-exit-message]
test-tmt *ARGS:
    @{{ xtask }} test-tmt "$@"

# Run tmt plans on the localhost/bootc that is there
[group('vm tests')]
[no-exit-message]
test-tmt-nobuild *ARGS:
    @{{ xtask }} run-tmt localhost/bootc "$@"

# Run install, upgrade and rollback in every cell; goes on where it was stopped. --last-failed, --cells=xfs
[group('vm tests')]
[no-exit-message]
test-matrix *ARGS:
    @{{ xtask }} test-matrix "$@"

# Change what a sealed machine boots, in five ways, each in a VM: every change has to be refused
[group('vm tests')]
[no-exit-message]
test-sealed *ARGS:
    @{{ xtask }} test-sealed "$@"

# Start guests that cannot pass: a panic, no sshd; each has to be told at once
[group('vm tests')]
[no-exit-message]
test-dead-guests *ARGS:
    @{{ xtask }} test-dead-guests "$@"

# Start one VM of localhost/bootc, to work in by hand
[group('vm tests')]
[no-exit-message]
tmt-provision *ARGS:
    @{{ xtask }} tmt-provision localhost/bootc "$@"

# Build, then have the development VM upgrade itself to it and reboot (`just bcvk up` makes the VM)
[group('vm tests')]
[no-exit-message]
upgrade-vm *ARGS:
    @{{ xtask }} upgrade-vm "$@"

# A VM disk as an old bootc installed it, to test what upgrades have to cope with
[group('vm tests')]
[no-exit-message]
legacy-disk *ARGS:
    @{{ xtask }} legacy-disk "$@"

# Remove the VMs that test runs left behind
[group('vm tests')]
[no-exit-message]
tmt-vm-cleanup *ARGS:
    @{{ xtask }} tmt-vm-cleanup "$@"

# Lint, types, unit and interop tests: all that needs no VM
[group('checks')]
[no-exit-message]
test *ARGS:
    @{{ xtask }} test "$@"

# Style and common mistakes
[group('checks')]
[no-exit-message]
lint *ARGS:
    @{{ xtask }} test lint "$@"

# Types
[group('checks')]
[no-exit-message]
types *ARGS:
    @{{ xtask }} test types "$@"

# Tests of pure logic: no root, no other tools
[group('checks')]
unit *ARGS:
    @vitest run --project unit "$@"

# Tests against the real tools; needs root
[group('checks')]
interop *ARGS:
    @vitest run --project interop "$@"

# Give mutated inputs to every parser, or to some: `just fuzz erofs tar --runs 1000000 --seed 1`
[group('checks')]
fuzz *ARGS:
    @node packages/composefs/fuzz/main.ts "$@"

# Let machines of plain files live through random steps: `just model-test --steps 100000 --seed 1`
[group('checks')]
model-test *ARGS:
    @node packages/bootc/src/model-test/main.ts "$@"

# Our composefs beside cfsctl, on the image that `build` made and on made-up trees: `just bench-composefs oci storage`
[group('checks')]
bench-composefs *ARGS:
    @node bench/composefs.ts "$@"

# What a call of bootc costs, and `bootc status` and `upgrade` with nothing new on plain files; fails when they take too long
[group('checks')]
bench-bootc *ARGS:
    @node bench/bootc.ts "$@"

# What an update of one layer costs by way of container storage and directly; fails when more is written than need be
[group('checks')]
bench-unified *ARGS:
    @node bench/unified.ts "$@"

# Show the cell, where its values come from, and the commands that test-tmt would run
[group('look')]
[no-exit-message]
plan *ARGS:
    @{{ xtask }} plan "$@"

# Check this machine, and say what to install
[group('look')]
[no-exit-message]
doctor *ARGS:
    @{{ xtask }} doctor "$@"

# Show which cells can exist, and why others cannot
[group('look')]
[no-exit-message]
matrix *ARGS:
    @{{ xtask }} matrix "$@"

# Print the jobs of the CI matrix as JSON
[group('look')]
[no-exit-message]
ci-matrix *ARGS:
    @{{ xtask }} ci-matrix "$@"

# List the VM profiles
[group('look')]
[no-exit-message]
profiles *ARGS:
    @{{ xtask }} profiles "$@"

# Write the manual pages: `man -M target/man xtask-test-tmt`
[group('look')]
[no-exit-message]
man *ARGS:
    @{{ xtask }} man "$@"

# Make the Secure Boot keys that sealed cells need, in target/secure-boot-keys; never overwrites
[group('upkeep')]
[no-exit-message]
generate-secureboot-keys *ARGS:
    @{{ xtask }} generate-secureboot-keys "$@"

# Remove what runs generated; tools and keys stay
[group('upkeep')]
[no-exit-message]
clean *ARGS:
    @{{ xtask }} clean "$@"

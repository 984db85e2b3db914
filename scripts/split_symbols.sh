#!/bin/sh
# Moves a program's debug information into a file beside it: split_symbols.sh PROGRAM makes PROGRAM.debug.
# Backtraces and debuggers find that file by itself, as long as both lie in one folder. Without objcopy, or where it
# was done already, the program stays as it is.
set -eu

program=$1
command -v objcopy >/dev/null 2>&1 || exit 0
objdump -h "$program" 2>/dev/null | grep -q ' \.debug_line ' || exit 0

# Beside it first, then in its place in one step: the program may be running.
objcopy --only-keep-debug --compress-debug-sections "$program" "$program.debug.new"
mv "$program.debug.new" "$program.debug"
objcopy --strip-debug --remove-section=.gnu_debuglink "$program" "$program.new"
(cd "$(dirname "$program")" && objcopy --add-gnu-debuglink="$(basename "$program").debug" "$(basename "$program").new")
mv "$program.new" "$program"

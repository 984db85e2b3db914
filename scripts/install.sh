#!/bin/sh
# Installs a program with all that it needs: install.sh PROGRAM PREFIX. What it looks for around itself lies with it in
# PREFIX/lib/karaoke, and a link to it in PREFIX/bin; manual pages and completions are where man and shells look.
set -eu

program=$1
prefix=$2
root=$(cd "$(dirname "$0")/.." && pwd)
home=$prefix/lib/karaoke
share=$prefix/share

if [ ! -x "$program" ]; then
    echo "There is no $program: run \`make build\` first." >&2
    exit 1
fi
mkdir -p "$home/bin" "$home/models" "$home/.runtime" "$prefix/bin"
# In its place in one step: an older one may be running.
cp "$program" "$home/bin/karaoke.new"
chmod 755 "$home/bin/karaoke.new"
mv "$home/bin/karaoke.new" "$home/bin/karaoke"
ln -sf ../lib/karaoke/bin/karaoke "$prefix/bin/karaoke"

# Those that were fetched, too.
for file in "$root"/models/*.toml "$root"/models/*.onnx "$root"/models/*.zip "$root"/models/*.tar.bz2; do
    [ ! -f "$file" ] || cp "$file" "$home/models/"
done
for folder in "$root"/.runtime/onnxruntime*; do
    rm -rf "$home/.runtime/$(basename "$folder")"
    cp -R "$folder" "$home/.runtime/"
done

"$home/bin/karaoke" man "$share/man/man1" >/dev/null
completions() {
    mkdir -p "$share/$2"
    "$home/bin/karaoke" completions "$1" >"$share/$2/$3"
}
completions bash bash-completion/completions karaoke
completions zsh zsh/site-functions _karaoke
completions fish fish/vendor_completions.d karaoke.fish
echo "Installed $prefix/bin/karaoke."

#!/usr/bin/env python3
"""Makes the page's icons (web/icons/*.png) from web/icon.svg, with a headless Chromium ($CHROMIUM names another).

The same Chromium makes the same bytes; `--check` says whether the icons in the repository are those of icon.svg.
A maskable icon may be cut to a circle of four fifths of its width: there the drawing is smaller and its ground
reaches the edges.
"""

import argparse
import filecmp
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "web" / "icon.svg"
FOLDER = ROOT / "web" / "icons"
GROUND = "#1c1310"
# Name, width in pixels, how much of it the drawing takes, whether its corners are cut by whoever shows it.
ICONS = [
    ("icon-192.png", 192, 1.0, False),
    ("icon-512.png", 512, 1.0, False),
    ("touch-180.png", 180, 1.0, True),
    ("maskable-512.png", 512, 0.8, True),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail unless the icons are those of icon.svg")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory(prefix="karaoke-icons-") as temp:
        for icon in ICONS:
            draw(Path(temp), *icon)
        stale = [name for name, *_ in ICONS if not same(Path(temp) / name, FOLDER / name)]
        if check:
            sys.exit("stale: %s; run scripts/make_icons.py" % ", ".join(stale) if stale else 0)
        FOLDER.mkdir(exist_ok=True)
        for name in stale:
            (FOLDER / name).write_bytes((Path(temp) / name).read_bytes())
            print("made", FOLDER / name)


def same(one, other):
    return other.is_file() and filecmp.cmp(str(one), str(other), shallow=False)


def draw(temp, name, width, share, full):
    """One icon, as a picture of a page that holds nothing else."""
    svg = SOURCE.read_text()
    if full:
        svg = re.sub(r'(<rect width="64" height="64") rx="15"', r"\1", svg)
    inner = round(width * share)
    ground = GROUND if full else "transparent"
    style = "html,body{margin:0;background:%s}svg{position:absolute;inset:0;margin:auto;width:%dpx;height:%dpx}" % (ground, inner, inner)
    page = temp / "icon.html"
    page.write_text("<!doctype html><style>%s</style>%s" % (style, svg))
    subprocess.run(
        [
            os.environ.get("CHROMIUM", "chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--force-device-scale-factor=1", "--force-color-profile=srgb", "--default-background-color=00000000",
            "--window-size=%d,%d" % (width, width), "--user-data-dir=%s" % (temp / "profile"),
            "--screenshot=%s" % (temp / name), page.as_uri(),
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
    )


if __name__ == "__main__":
    main()

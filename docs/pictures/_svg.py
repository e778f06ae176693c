#!/usr/bin/env python3
"""A frame of text with colours (ANSI), from standard input, as SVG on standard output."""

import re
import sys
from xml.sax.saxutils import escape

COLORS = {
    "31": "#f7768e", "32": "#9ece6a", "33": "#e0af68", "34": "#7aa2f7",
    "35": "#bb9af7", "36": "#7dcfff", "39": "#c8d0e8", "90": "#7a82a0",
}
WIDTH, HEIGHT, MARGIN = 8.4, 18, 14


def spans(line):
    """Pieces of a line: column, text, colour, bold."""
    column, color, bold = 0, COLORS["39"], False
    for codes, text in re.findall(r"\x1b\[([0-9;]*)m|([^\x1b]+)", line):
        if text:
            yield column, text, color, bold
            column += len(text)
            continue
        for code in codes.split(";"):
            if code in ("", "0"):
                color, bold = COLORS["39"], False
            elif code == "1":
                bold = True
            else:
                color = COLORS.get(code, color)


def main():
    lines = sys.stdin.read().splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width = max(map(len, plain)) * WIDTH + 2 * MARGIN
    height = len(lines) * HEIGHT + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}"'
          ' font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">')
    print(f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#1a1b26"/>')
    for row, line in enumerate(lines):
        y = MARGIN + (row + 0.78) * HEIGHT
        for column, text, color, bold in spans(line):
            if not text.strip():
                continue
            lead = len(text) - len(text.lstrip())
            text = text.strip()
            x = MARGIN + (column + lead) * WIDTH
            weight = ' font-weight="bold"' if bold else ""
            # Every glyph in its column, whatever font there is.
            length = f' textLength="{len(text) * WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
            print(f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}"{weight}{length}'
                  f' xml:space="preserve">{escape(text)}</text>')
    print("</svg>")


main()

"""Words of others in Markdown: they are shown as they are, and neither become headings and links nor run as HTML."""

import html
import re

ACTIVE = re.compile(r"""[\\`*|~$]          # code, emphasis, a cell of a table, what is struck out, a formula
    | (?<![^\W_])_ | _(?![^\W_])             # emphasis at the edge of a word
    | (?<=\])[(\[:] | (?<=!)\[              # a link or a picture
    | (?<=\w):(?=//) | (?<=\bwww)\. | @(?=[\w-]+\.\w)  # addresses that become links by themselves
    """, re.IGNORECASE | re.VERBOSE)
OPENING = re.compile(r"[#+=-]|\d{1,9}[.)](?=\s|$)")  # that begin something at the start of a line


def escape(text: object) -> str:
    """A text in a line of Markdown, in which nothing of it means anything: ``fd10k[digits]`` stays what it is."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    line = ACTIVE.sub(lambda found: _entity(found[0]), line)
    opening = OPENING.match(line)
    return f"{opening[0][:-1]}{_entity(opening[0][-1])}{line[opening.end():]}" if opening else line


def _entity(character: str) -> str:
    return f"&#{ord(character)};"


def fenced(text: str, language: str = "") -> str:
    """A text in a block of code, whose fence is longer than any row of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"

"""Lines of sentences: files of one a line, the Hub, or a program's memory, and the sets that have a name."""

from collections.abc import Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError
from zoo.data.hub import splits_at_hub
from zoo.data.listing import SPELLINGS as SPLITS
from zoo.data.listing import few, is_hidden, split_named
from zoo.data.progress import bar_of
from zoo.data.text import Lines, Reading, StyledSource, TextSource

SUFFIX = ".txt"
MOST = 1_000_000  # characters of a line
OFTEN = 10_000  # lines after which it is said how far a file has been read


def lines_of(path: Path) -> Iterator[str]:
    """Of a file. Raises UsageError where it is no UTF-8, has a line of over MOST characters, or cannot be read."""
    number = 0
    try:
        with (open(path, "rb") as stored, TextIOWrapper(stored, encoding="utf-8-sig") as file,
              bar_of(f"reading {path.name}", path.stat().st_size, unit="B") as bar):
            while line := file.readline(MOST + 1):  # a file without line ends is not read as a whole
                number += 1
                if len(line) > MOST:
                    raise UsageError(f"line {number:,} of {path} has more than {MOST:,} characters: give a file of one "
                                     "sentence a line")
                if number % OFTEN == 0:
                    bar.update(stored.tell() - bar.n)
                yield line
            bar.update(stored.tell() - bar.n)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text, in or soon after line {number + 1:,} ({error.reason}): convert it, "
                         f"as with iconv -f LATIN1 -t UTF-8 {path.name}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def is_text(path: Path) -> bool:
    """Whether it is a file that is likely to be of sentences."""
    return path.suffix.lower() == SUFFIX and path.is_file()


def text_in_files(place: Path, reading: Reading, split: str, held_out: float, provenance: str = "",
                  kind: type[TextSource] = TextSource) -> TextSource:
    """The sentences of a file, or of a folder of files.

    Files named ``train``, ``val`` or ``test``, in any usual spelling, are splits, and so are folders; other files are
    classes, such as ``negative.txt`` and ``positive.txt``.

    Raises:
        UsageError: no files, classes beside splits, a file that is no text; see ``TextSource``.
    """
    if place.is_file():
        found = {"train": [place]}
    else:
        folders = {name: path for path in sorted(place.iterdir()) if path.is_dir() and (name := split_named(path.name))}
        found = {name: _texts(path) for name, path in folders.items()} or _by_name(place, _texts(place))
    if not any(found.values()) or "train" not in found:
        raise UsageError(f"there are no sentences to learn from in {place}: looked for files *{SUFFIX} of one a line")
    lines = {name: [Lines(path.stem if len(found[name]) > 1 else "", partial(lines_of, path)) for path in found[name]]
             for name in SPLITS if name in found}
    return kind(place.resolve().stem, lines, reading, split, held_out, provenance)


def captions(place: Path, reading: Reading, split: str, held_out: float) -> TextSource:
    """Those that Texygen (Zhu 2018, arXiv:1802.01886) has, in a folder."""
    if not place.is_dir():
        raise UsageError(f"there is no folder {place}: put the captions there, one a line, in train.txt and test.txt, "
                         "or take another file of sentences")
    return text_in_files(place, reading, split, held_out, "captions of Microsoft COCO (Chen 2015, arXiv:1504.00325, "
                         "CC BY 4.0), one for each of 20,000 pictures, as Texygen has them")


def yelp(directory: Path, reading: Reading, split: str) -> StyledSource:
    """Sentences of reviews, negative and positive; in ``test`` those that people rewrote (Li 2018, arXiv:1804.06437).

    Raises:
        UsageError: files that are missing.
    """
    folder = directory / "yelp"
    files = {"train": ("yelp.sentiment.dev.{}", "yelp.sentiment.test.{}"), "test": ("lijuncen.yelp.reference.{}",)}
    lines: dict[str, list[Lines]] = {}
    for part, names in files.items():
        for number, style in enumerate(("negative", "positive")):
            paths = [folder / name.format(number) for name in names]
            if missing := [path for path in paths if not path.is_file()]:
                raise UsageError(f"there is no file {missing[0]}: put the sentences of Yelp there, one a line, as "
                                 "language-style-transfer has them, and the rewritten ones, each with its rewrite "
                                 "behind a tab")
            lines.setdefault(part, []).extend(Lines(style, partial(lines_of, path)) for path in paths)
    return StyledSource("yelp", lines, reading, split, provenance="sentences of Yelp reviews (Shen 2017, Apache-2.0); "
                        "rewrites by people (Li 2018, CC BY-SA 4.0)")


def _texts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()
                  if is_text(path) and not is_hidden(path.name))


def _by_name(place: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Splits by the names of files; all are classes to train with where none has such a name."""
    named = {name: [path] for path in files if (name := split_named(path.stem))}
    beside = [path.name for path in files if not split_named(path.stem)]
    if named and (beside or len(named) + len(beside) < len(files)):
        raise UsageError(f"{place} has {few(path.name for path in files)}: either all files are splits, one of each, "
                         "or all are classes; splits that have classes are folders train and test of such files")
    return named or {"train": files}


def text_in_memory(sentences: list[str], reading: Reading, split: str, held_out: float) -> TextSource:
    return TextSource("sentences", {"train": [Lines("", lambda: sentences)]}, reading, split, held_out,
                      f"{len(sentences):,} sentences given")


def _lines_in(rows: Any, column: str) -> Iterator[str]:
    """Of a column of texts, each of which may have several."""
    return (line for text in rows[column] for line in (text or "").splitlines())


def text_of_hub(repo: str, reading: Reading, split: str, held_out: float) -> TextSource:
    """The first column of texts of a data set on the Hugging Face Hub, or in a folder that ``datasets`` can read."""
    found = splits_at_hub(repo)
    lines = {}
    for name, rows in found.items():
        texts = [column for column, kind in rows.features.items()
                 if getattr(kind, "dtype", "") in ("string", "large_string")]
        if not texts:
            raise UsageError(f"the data set {repo} has no column of texts: {', '.join(rows.features)}")
        lines[name] = [Lines("", partial(_lines_in, rows, texts[0]))]
    return TextSource(repo.rstrip("/").split("/")[-1], lines, reading, split, held_out, f"Hugging Face data set {repo}")

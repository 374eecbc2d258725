"""The report of a study, finished or not: one HTML page that stands alone, its figures as PNG, its runs as CSV."""

import base64
from collections.abc import Callable
from html import escape
from pathlib import Path

from optuna.storages import BaseStorage

from zoo.core.errors import UsageError
from zoo.core.files import atomic, write_text
from zoo.store.portable import last_names
from zoo.study import paper, plots, tables
from zoo.study.analysis import LEVEL, effects
from zoo.study.findings import findings
from zoo.study.ledger import Ledger, ledgers, progress
from zoo.study.results import Row, write_csv

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #ddd; padding: .3em .7em; text-align: right; white-space: nowrap }
th:first-child { text-align: left } thead th { border-bottom: 2px solid #888 }
img { max-width: 100%; display: block; margin: 1em 0 } .note { color: #555; font-size: 13px }
"""


def write_report(storage: BaseStorage, folder: Path) -> Path:
    """Writes report.html, trials.csv and the figures of all data sets in a storage.

    Args:
        storage: see ``zoo.study.storage``.
        folder: made if need be.

    Returns:
        The page.

    Raises:
        UsageError: no run is finished yet.
    """
    studies: dict[str, list[Ledger]] = {}
    for ledger in ledgers(storage):
        studies.setdefault(ledger.data, []).append(ledger)
    rows = {data: [row for ledger in of for row in ledger.rows()] for data, of in studies.items()}
    if not any(row.curve for of in rows.values() for row in of):
        raise UsageError("no run of this study came to a result yet: there is nothing to report")
    write_csv([row for of in rows.values() for row in of], folder / "trials.csv")
    page = "".join(_section(data, studies[data], own, folder) for data, own in rows.items() if own)
    heading = f"{', '.join(map(escape, rows))}: generative models compared"
    write_text(folder / "report.html",
               "<!doctype html>\n<html lang=en><meta charset=utf-8><title>GANs compared</title>\n"
               f"<style>{STYLE}</style>\n<h1>{heading}</h1>\n{_explained()}{page}</html>\n")
    return folder / "report.html"


def _explained() -> str:
    return f"""<p class=note>After Lucic et al. 2018, <a href="{paper.SOURCE}">Are GANs Created Equal?</a> A run is
scored several times on the way: <em>best</em> is the lowest of its distances, <em>last</em> the one at the end. A run
that failed has an infinite distance, which enters medians, tests and searches by its rank; means and standard
deviations are of the others. Lower is better. Differences are tested by Mann-Whitney, corrected for the number of pairs
(Holm), at the level of {LEVEL}.</p>
"""


def _section(data: str, of: list[Ledger], rows: list[Row], folder: Path) -> str:
    search = {ledger.variant: [row for row in rows if row.variant == ledger.variant and row.seed == 0] for ledger in of}
    search = {variant: own for variant, own in search.items() if own}
    best = {variant: min(own, key=lambda row: row.best) for variant, own in search.items()}
    again = {variant: [row for row in rows if row.variant == variant and row.seed] for variant in search}
    repeated = {variant: [row for row in own if row.index == best[variant].index] for variant, own in again.items()}
    over_trials, over_seeds = ({variant: [row.best for row in own] for variant, own in group.items()}
                               for group in (search, repeated))
    distance = next(row.distance for row in rows if row.distance)
    images = of[0].protocol.images
    done, total, _ = progress(of)

    def figure(name: str, draw: Callable[..., bytes], *arguments: object) -> str:
        return _figure(folder / f"{data}-{name}.png", draw(*arguments, distance))

    parts = [
        f"<h2>{escape(data)}</h2>\n<p>{done} of {total} runs are finished"
        + ("." if done >= total else ": what follows is what they say so far.") + "</p>\n",
        "<ul>\n", *(f"<li>{escape(line)}</li>\n" for line in findings(data, over_trials, over_seeds)), "</ul>\n",
        "<h3>All trials of the search</h3>\n", tables.distances(search),
        figure("trials", plots.boxes, over_trials, f"{data}: all trials"),
        "<h3>The best trials, repeated with other seeds</h3>\n", tables.chosen(best), tables.distances(repeated),
        "<p class=note>The distance of the chosen trial itself is not among the repetitions: being the least of many, "
        "it is too good.</p>\n",
        figure("seeds", plots.boxes, over_seeds, f"{data}: best trials over seeds") if any(over_seeds.values()) else "",
        "<h3>What a smaller search would have found</h3>\n",
        figure("searches", plots.searches, over_trials, images, f"{data}: best of so many trials"),
        "<p class=note>Least distance of so many trials drawn from these with replacement (bootstrap): the median, and "
        "from the 5th to the 95th percentile. Where it is missing, all of them would have failed.</p>\n",
        "<h3>Which differences hold</h3>\n<p>The model of a line against that of a column, over the repetitions:</p>\n",
        tables.significance(over_seeds), "<p>Over the trials of the search:</p>\n", tables.significance(over_trials),
        "<h3>What the distance depends on</h3>\n", tables.sensitivity(effects(rows)),
        "<p class=note>Over the trials of the search, not corrected for the number of tests.</p>\n",
        _beside_the_paper(data, over_seeds), "<h3>Protocol</h3>\n",
        tables.table(["", ""], [[name, str(value)] for name, value in last_names(of[0].protocol.to_dict()).items()]),
    ]
    return "".join(parts)


def _beside_the_paper(data: str, repeated: tables.Groups) -> str:
    text = tables.beside_the_paper(data, repeated)
    return text and f"""<h3>Beside the paper</h3>\n{text}<p class=note>Mean and standard deviation over repetitions of
the best trials. The paper's FID is measured in features of InceptionV3, after a search of its own size: unless the
distance here is an FID too, the values cannot be compared, only their order.</p>\n"""


def _figure(path: Path, png: bytes) -> str:
    """Writes a PNG and returns it as part of the page."""
    with atomic(path) as partial:
        partial.write_bytes(png)
    return f'<img alt="{escape(path.stem)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">\n'

"""The study of Lucic et al. 2018 (arXiv:1711.10337) on any data set and budget: ``zoo compare``.

    protocol     what all runs of a study have in common
    space        what the search varies
    storage      where workers on one or many machines find the study: Optuna's databases and journals
    ledger       which runs there are to do and which were done
    worker       processes that take runs and train them
    results      the finished runs, as rows
    analysis     what the rows say: figures and tests; findings in words
    report       a page of tables and plots, beside what the paper found

Studies of many like runs, without a search:

    survey       runs that are trained once, side by side
    few          the distance against the number of training pictures: ``zoo few``
"""

import importlib.util

from zoo.core.errors import UsageError


def check_installed() -> None:
    """Raises UsageError where the extra that the study needs is missing."""
    missing = [name for name in ("optuna", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"the study needs {' and '.join(missing)}: pip install 'gan-zoo[study]'")

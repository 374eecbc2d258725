"""Compares generative models as Lucic et al. 2018 did, on any data set and budget: search, repeat the best, report.

    zoo compare --data digits --images 100k --trials 10 --workers 2
    zoo compare --data mnist --trials 100 --seeds 50 --workers 8 --storage postgresql://user@host/study
    zoo compare --data mnist --resume --trials 200       # more of it
    zoo compare --data mnist --report                    # of what there is so far

The same command on other machines that reach the storage takes part in the same study.
"""

from pathlib import Path

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.study import check_installed
from zoo.study.protocol import StudyProtocol
from zoo.study.space import PAPER


def parser() -> cli.Parser:
    parser = cli.Parser("Compare generative models by the Frechet distance: a random search for each, its best trial "
                        "repeated over seeds, tests, plots and a report. Started again, it goes on where it was.")
    study = parser.add_argument_group("study")
    study.add_argument("--variants", nargs="+", metavar="NAME", default=list(PAPER), help="any that take no labels "
                       f"(default: the paper's, {' '.join(PAPER)})")
    study.add_argument("--trials", type=cli.count, metavar="N", help="hyperparameters to try for each, the authors' "
                       "defaults first (default: 20)")
    study.add_argument("--seeds", type=cli.count, metavar="N", help="repetitions of each best trial (default: 5)")
    study.add_argument("--resume", action="store_true", help="add --trials or --seeds to a study")
    study.add_argument("--report", action="store_true", help="only write the report, of what there is so far")
    work = parser.add_argument_group("work")
    work.add_argument("--workers", type=cli.count, default=1, metavar="N", help="runs at a time on this machine, one "
                      "CPU thread each; its GPUs are shared out (default: %(default)s)")
    work.add_argument("--storage", metavar="WHERE", help="URL of a database, or a journal file for shared file systems "
                      "(default: SQLite, OUT/study.db)")
    work.add_argument("--out", metavar="DIR", help="folder of runs and report (default: runs/study-DATA)")
    work.add_argument("--data-dir", metavar="DIR", help="where named data sets are")
    work.add_argument("--accelerator", choices=("auto", "cpu", "gpu", "mps"), default="auto", help="kind of device")
    parser.add_options(StudyProtocol, "protocol")
    return parser


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    for name, least in (("trials", 1), ("seeds", 0), ("workers", 1)):
        if getattr(options, name) is not None and getattr(options, name) < least:
            raise UsageError(f"--{name} must be at least {least}, not {getattr(options, name)}")

    check_installed()
    from zoo.study import report, session, storage, workers  # Optuna and matplotlib are an extra

    given = cli.given(options, StudyProtocol)
    folder = Path(options.out or f"runs/study-{StudyProtocol.from_dict(given).open(options.data_dir).spec.name}")
    where = options.storage or f"sqlite:///{folder / 'study.db'}"
    status = 0
    if options.report:
        if not (options.storage or (folder / "study.db").exists()):
            raise UsageError(f"there is no study in {folder}: name its folder with --out, or its --storage")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        runs = session.begin(where, folder, options.variants, given, trials=options.trials, seeds=options.seeds,
                             resume=options.resume, data_dir=options.data_dir, accelerator=options.accelerator)
        status = workers.run_workers(runs, options.workers)
    print(report.write_report(storage.open_storage(where), folder / "report"))
    return status

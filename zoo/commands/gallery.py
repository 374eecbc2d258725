"""Trains every variant with one budget and backbone and puts their samples side by side on one sheet.

    zoo gallery --data digits --out model_cards/images/variants-digits.png
"""

from pathlib import Path

from zoo.commands import cli
from zoo.models import variants
from zoo.study import survey


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Train variants with one budget and backbone and put their samples on one sheet. Finished runs "
                        "are not repeated.")
    parser.add_argument("--variants", nargs="+", metavar="NAME", default=[v.name for v in variants()],
                        help="(default: all)")
    parser.add_argument("--data", default="digits", help="data set (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help="where it is")
    parser.add_argument("--image-size", type=int, default=0, metavar="N", help="pixels (default: the data set's own)")
    parser.add_argument("--images", type=cli.count, default=60_000, help="budget of each (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--backbone", default="dcgan", help="of all (default: %(default)s)")
    parser.add_argument("--width", type=int, default=32, help="of all (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time (default: %(default)s)")
    parser.add_argument("--runs", default="runs/gallery", metavar="DIR", help="run folders (default: %(default)s)")
    parser.add_argument("--out", required=True, help="PNG to write")
    options = parser.parse_args(arguments)
    training = {"data": options.data, "data_dir": options.data_dir, "image_size": options.image_size,
                "images": options.images, "batch_size": options.batch_size}
    jobs = [survey.Job(name, {"backbone": options.backbone, "width": options.width}, training,
                       Path(options.runs) / options.data / name) for name in options.variants]
    failed = survey.run_all(jobs, options.workers)
    with cli.writing(options.out):
        survey.contact_sheet([job.folder for job in jobs if job.folder not in failed], Path(options.out))
    print(options.out)

"""Opens a page on this machine in which trained models are asked.

    zoo explore
    zoo explore runs/cgan-digits wgan-gp-anime
    zoo explore --host 0.0.0.0 --port 7860
"""

from zoo.commands import cli
from zoo.web.serving import check_installed, serve


def parser() -> cli.Parser:
    parser = cli.Parser("Ask trained models in the browser: samples by seed and class, moved by sliders; pictures "
                        "made of pictures that are drawn or uploaded; sentences.")
    parser.add_argument("models", nargs="*", help="model folders, names, or org/name on the Hub (default: "
                        "all that have names)")
    cli.add_address(parser)
    return parser


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    check_installed()
    from zoo.web.explorer import explorer  # torch takes seconds to import

    serve(explorer(options.models, options.host), options.host, options.port, "zoo explore")

"""Opens a page on this machine in which variants train on points before one's eyes.

    zoo play
    zoo play --port 8080
"""

from zoo.commands import cli
from zoo.web.serving import check_installed, serve


def parser() -> cli.Parser:
    parser = cli.Parser("Watch variants train on points, in the browser: alone or side by side, with what the "
                        "discriminator thinks, the pull on the generator, and how many modes are covered.")
    cli.add_address(parser)
    return parser


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    check_installed()
    from zoo.web.playground import playground  # torch takes seconds to import

    serve(playground(options.host), options.host, options.port, "zoo play")

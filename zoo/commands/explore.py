"""Opens a page on this machine in which trained models are asked.

    zoo explore
    zoo explore runs/cgan-digits wgan-gp-anime
    zoo explore --host 0.0.0.0 --port 7860
    zoo explore dcgan-anime cgan-mnist --static page
"""

from pathlib import Path

from zoo.commands import cli
from zoo.web.serving import check_installed, serve


def parser() -> cli.Parser:
    parser = cli.Parser("Ask trained models in the browser: samples by seed and class, moved by sliders; pictures "
                        "made of pictures that are drawn or uploaded; sentences.")
    parser.add_argument("models", nargs="*", help="model folders, names, or org/name on the Hub (default: "
                        "all that have names)")
    cli.add_address(parser)
    static = parser.add_argument_group("a page without a server of its own")
    static.add_argument("--static", type=Path, metavar="DIR", help="write it there, for any server of files: the "
                        "models as ONNX, and onnxruntime-web, which npm fetches")
    static.add_argument("--onnxruntime-web", type=Path, metavar="FILE", help="its npm package (.tgz), where there is "
                        "no npm")
    return parser


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    if options.static is not None:
        from zoo.web.static import write_static

        for sentence in write_static(options.models, options.static.expanduser(), options.onnxruntime_web):
            print(sentence)
        print(f"{options.static}: a page for any server of files, such as python -m http.server -d {options.static}")
        return
    check_installed()
    from zoo.web.explorer import explorer  # torch takes seconds to import

    serve(explorer(options.models, options.host), options.host, options.port, "zoo explore")

"""Makes pictures of pictures with a trained model.

    zoo translate pix2pix-facades labels.png --out made
    zoo translate runs/pix2pix-facades folder/of/pictures "more/*.jpg" --out made
    zoo translate runs/stargan-anime face.png --labels "blonde hair" --out made
    zoo translate runs/munit-monet photograph.jpg --style painting.jpg --out made
"""

from zoo.commands.pictures import jobs_of, loaded, parser_of


def main(arguments: list[str]) -> int:
    parser = parser_of("Make pictures of pictures with a trained model: PNG files of the same names.")
    parser.add_argument("--labels", metavar="CLASS", help="of a model that makes classes, what is to be made, by "
                        "number or name, such as 'blonde hair'")
    parser.add_argument("--style", metavar="PICTURE", help="of a model that takes a style: a picture that has it "
                        "(default: one that follows from --seed)")
    parser.add_argument("--seed", type=int, default=0, help="of what is random in an answer (default: %(default)s)")
    options = parser.parse_args(arguments)
    model = loaded(options.model, "translate", "makes no pictures of pictures")
    told = {"labels": options.labels, "style": options.style}
    model.told(1, **told)  # raises before any work
    how = told | {"seed": options.seed, "tile": options.tile}
    return 1 if jobs_of(options).run(lambda given: model.bands(given, **how), model) else 0

"""The command line: one file a command, each with ``main(arguments)``; ``zoo NAME`` calls it.

COMMANDS tells what each does, so that ``zoo --help`` need not import them.
"""

COMMANDS = {
    "train": "train a variant on a data set or on pictures of your own",
    "sample": "draw images from a trained model into one PNG",
    "translate": "make pictures of pictures with a trained model",
    "upscale": "make pictures larger with a trained model, and compare them with the true ones",
    "write": "have a trained model write sentences",
    "rewrite": "have a trained model write sentences in another style",
    "evaluate": "measure a model, or all models in a folder",
    "tradeoff": "measure the models between two, such as a run's first stage and its end",
    "compare": "compare models by the Frechet distance, as Lucic et al. 2018",
    "few": "draw the Frechet distance against the number of training pictures",
    "curves": "numbers along training, of several arms over the same seeds",
    "publish": "publish a model to the Hugging Face Hub, or bundle it with the package",
    "export": "write a model as a file that other programs run",
    "data": "what a set of pictures has, its splits, copies and unreadable files",
    "shard": "put a folder of pictures into shards, here or in an object storage",
    "list": "the variants that can be trained and the models that can be loaded",
    "describe": "what a variant or a model is, its options and numbers",
    "benchmark": "time the zoo against plain references",
    "features": "train the small classifier of a data set in whose features images are compared",
    "gallery": "train many variants alike and put their samples on one sheet",
    "explore": "ask trained models, in the browser",
    "play": "watch variants train on points, in the browser",
    "modes": "count the modes that variants cover on mixtures of Gaussians",
}

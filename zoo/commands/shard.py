"""Puts a folder of pictures into shards, for sets that are larger than the disk of the machine that trains.

    zoo shard path/to/images path/to/shards --image-size 64
    zoo shard path/to/images s3://bucket/shards --image-size 64         # pip install 'gan-zoo[shards]'
    zoo train --variant dcgan --data s3://bucket/shards
"""

from pathlib import Path

from zoo.commands import cli
from zoo.data.sharding import SHARD, write_shards


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Decode a folder of pictures into files that training reads row by row, here or from an object "
                        "storage. Folders in it are classes or splits, as for zoo train --data.")
    parser.add_argument("folder", help="of pictures")
    parser.add_argument("out", help="a folder, or an address that fsspec knows, such as s3://bucket/folder")
    parser.add_argument("--image-size", type=cli.count, default=64, metavar="SIZE", help="pixels (default: "
                        "%(default)s)")
    parser.add_argument("--channels", type=cli.count, default=0, metavar="N", help="1 grey, 3 colour (default: as the "
                        "files are)")
    parser.add_argument("--shard-size", type=cli.count, default=SHARD, metavar="BYTES", help="of a file at most "
                        "(default: %(default)s)")
    options = parser.parse_args(arguments)
    count = write_shards(Path(options.folder).expanduser(), options.out, options.image_size, options.channels,
                         options.shard_size)
    print(f"{count:,} pictures of {options.image_size} px: zoo train --data {options.out}")

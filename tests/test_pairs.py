"""Pairs: source pictures derived from targets, and pairs in files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.core.errors import UsageError
from zoo.data.colours import AB, BT601, _linear, _root, coloured, lightness, opponents
from zoo.data.derived import DERIVED, EDGE, sobel, source_channels, source_size
from zoo.data.holes import blocks, unknown_pixels
from zoo.data.pair_spec import PairSpec
from zoo.data.pairs import PairFolder

RED, BLUE, GREEN = (200, 40, 80), (20, 60, 220), (30, 180, 90)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# ---- derived ---------------------------------------------------------------------------------------------------------

def test_luma_by_hand():
    colours = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1], [-1, -1, -1], [0.5, 0, -0.5]],
                           dtype=torch.float64)
    luma = DERIVED["grey"].source(colours[:, :, None, None])
    assert luma.shape == (6, 1, 1, 1)
    by_hand = torch.tensor([2 * 0.299 - 1, 2 * 0.587 - 1, 2 * 0.114 - 1, 1, -1, 0.5 * 0.299 - 0.5 * 0.114],
                           dtype=torch.float64)
    assert (luma.flatten() - by_hand).abs().max() < 1e-12
    assert sum(BT601) == pytest.approx(1, abs=1e-12)  # so that white stays 1


def test_luma_is_pillow_s_to_a_level():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    luma = DERIVED["grey"].source(torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1)
    pillow = torch.from_numpy(np.array(Image.fromarray(image).convert("L"))).float()
    assert ((luma[0, 0] + 1) * 127.5 - pillow).abs().max() < 1.01  # which truncates in fixed point


def test_grey_images_stay_and_other_channels_are_refused():
    image = torch.randn(2, 1, 4, 4)
    assert torch.equal(DERIVED["grey"].source(image), image)
    with pytest.raises(UsageError, match="those of 2 have none"):
        DERIVED["grey"].source(torch.zeros(1, 2, 4, 4))


def test_sobel_of_steps_by_hand():
    """A straight step has magnitude 1 on the two columns beside it, one of a height h has h / 2; none at the border."""
    step = torch.full((1, 1, 6, 6), -1.0).double()
    step[..., 3:] = 1
    expected = torch.zeros(6, 6).double()
    expected[:, 2:4] = 1
    assert (sobel(step)[0, 0] - expected).abs().max() < 1e-12
    assert (sobel(step.mT)[0, 0] - expected.T).abs().max() < 1e-12
    assert (sobel(0.25 * step + 0.5)[0, 0] - 0.25 * expected).abs().max() < 1e-12


def test_sobel_of_one_pixel_is_its_two_kernels():
    pixel = torch.zeros(1, 1, 5, 5).double()
    pixel[..., 2, 2] = 8
    ring = torch.tensor([[2, 4, 2], [4, 0, 4], [2, 4, 2]]).double() / 2
    by_hand = torch.where(ring == 1, 2**0.5, ring)  # a corner has both derivatives 1, a side one of 2
    assert (sobel(pixel)[0, 0, 1:4, 1:4] - by_hand).abs().max() < 1e-12


def test_edges_are_black_on_white():
    image = torch.full((1, 3, 6, 6), -0.5).double()
    image[..., 3:] = -0.5 + 2 * EDGE * 1.01  # a step just above the threshold
    lines = DERIVED["edges"].source(image)
    assert lines.shape == (1, 1, 6, 6)
    assert lines[0, 0, 0].tolist() == [1, 1, -1, -1, 1, 1]
    image[..., 3:] = -0.5 + 2 * EDGE * 0.99
    assert torch.all(DERIVED["edges"].source(image) == 1)


def test_hole_is_the_centre_half():
    image = torch.arange(1.0, 65).view(1, 1, 8, 8).expand(2, 3, 8, 8)
    holed = DERIVED["hole"].source(image)
    assert torch.all(holed[..., 2:6, 2:6] == 0)
    outside = torch.ones(8, 8, dtype=torch.bool)
    outside[2:6, 2:6] = False
    assert torch.equal(holed[..., outside], image[..., outside])
    assert image[0, 0, 3, 3] == 28  # the target is left alone


FACTORS = [("half", 2), ("quarter", 4), ("eighth", 8)]


@pytest.mark.parametrize(("name", "factor"), FACTORS)
def test_downscaling_is_pillow_s_to_a_level(name, factor):
    """Of noise, where anti-aliasing matters most. Pillow rounds between the two directions too."""
    image = np.random.default_rng(0).integers(0, 256, (32, 48), dtype=np.uint8)
    small = DERIVED[name].source(torch.from_numpy(image)[None, None].double() / 127.5 - 1)
    pillow = np.array(Image.fromarray(image).resize((48 // factor, 32 // factor), Image.Resampling.BICUBIC))
    assert ((small[0, 0] + 1) * 127.5 - torch.from_numpy(pillow)).abs().max() < 1.5


@pytest.mark.parametrize(("name", "factor"), FACTORS)
def test_downscaling_by_hand(name, factor):
    """Constants stay, at the nearest of 256 levels; a ramp keeps its means; steps do not leave the range."""
    constant = DERIVED[name].source(torch.full((1, 3, 16, 24), 0.3).double())
    assert constant.shape == (1, 3, 16 // factor, 24 // factor)
    assert (constant - (round(1.3 * 127.5) / 127.5 - 1)).abs().max() < 1e-9
    ramp = torch.linspace(-1, 1, 64).double().expand(1, 1, 64, 64)
    small, means = DERIVED[name].source(ramp), ramp[0, 0, 0].view(-1, factor).mean(1)
    middle = slice(2, -2)  # away from where the filter is cut off
    assert (small[0, 0, 0, middle] - means[middle]).abs().max() < 1 / 255 + 1e-6
    step = torch.where(torch.arange(64) < 33, -1.0, 1.0).double().expand(1, 1, 64, 64)
    assert DERIVED[name].source(step).abs().max() <= 1 + 1e-12
    levels = (DERIVED[name].source(torch.rand(1, 1, 32, 32).double() * 2 - 1) + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-9


def test_sizes_must_divide():
    for call in (lambda: DERIVED["eighth"].source(torch.zeros(1, 1, 16, 28)), lambda: source_size("eighth", 28)):
        with pytest.raises(UsageError, match="28 px cannot be made smaller by 8"):
            call()


WAYS = [(name, channels) for name, way in DERIVED.items() for channels in way.channels]


@pytest.mark.parametrize(("name", "channels"), WAYS)
def test_shapes_are_as_announced(name, channels):
    images = torch.rand(4, channels, 16, 16) * 2 - 1
    source = DERIVED[name].source(images)
    size = source_size(name, 16)
    assert source.shape == (4, source_channels(name, channels), size, size)
    assert source.dtype == images.dtype
    assert source.abs().max() <= 1
    assert torch.equal(source, torch.cat([DERIVED[name].source(image[None]) for image in images]))  # whatever the batch


@pytest.mark.parametrize("name", ["grey", "lab"])
def test_colours_of_grey_pictures_are_no_pair(name):
    with pytest.raises(UsageError, match="grey already"):
        source_channels(name, 1)


# ---- Lab -------------------------------------------------------------------------------------------------------------

def levels(count: int) -> torch.Tensor:
    """Colours (count^3, 3, 1, 1) in [-1, 1]: every combination of levels from 0 to 255."""
    line = torch.linspace(0, 255, count).round().double() / 127.5 - 1
    return torch.cartesian_prod(line, line, line)[:, :, None, None]


def test_lab_by_hand():
    """L, a and b of red, green, blue and white, as CIE 15's formulas give them for sRGB and D65."""
    colours = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1]], dtype=torch.float64)[:, :, None, None]
    by_hand = torch.tensor([[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100, 0, 0]])
    light = 116 * _root(_linear(lightness(colours))) - 16
    found = torch.cat([light, AB * opponents(colours)], 1).flatten(1)
    assert (found - by_hand).abs().max() < 0.02


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_colour_comes_back(dtype):
    """Within half a grey level, also in float32; the lightness that is given is that of the result."""
    colours = levels(52).to(dtype)
    again = coloured(lightness(colours), opponents(colours))
    assert ((again - colours).abs() * 127.5).max() < (1e-3 if dtype == torch.float64 else 0.05)
    assert opponents(colours).abs().max() < 1


def test_lightness_is_kept_but_for_the_gamut():
    light = lightness(levels(8))
    made = coloured(light, 0.3 * torch.rand(len(light), 2, 1, 1, dtype=torch.float64) - 0.15)
    kept = (lightness(made) - light).abs()
    within = (made.abs() < 1 - 1e-9).all(1, keepdim=True)
    assert within.double().mean() > 0.5
    assert kept[within].max() < 1e-5  # the threshold of sRGB's curve is rounded in the standard
    greys = levels(4)[:, :1].expand(-1, 3, -1, -1)
    assert opponents(greys).abs().max() < 1e-9
    assert (lightness(greys) - greys[:, :1]).abs().max() < 1e-6


# ---- holes -----------------------------------------------------------------------------------------------------------

def test_blocks_follow_from_the_picture():
    images = (torch.randint(0, 256, (40, 3, 32, 32)) / 127.5 - 1).double()
    source = blocks(images)
    missing = unknown_pixels(source)
    assert torch.all(source[:, :3].masked_select(missing) == 0)
    assert torch.equal(source[:, :3].masked_select(~missing), images.masked_select(~missing))
    assert torch.equal(source, blocks(images.float()).double())  # the same holes in any precision
    share = missing.double().mean((1, 2, 3))
    assert share.min() >= (4 / 32)**2  # a block at least
    assert 0.05 < share.mean() < 0.2
    assert len({tuple(one.flatten().tolist()) for one in missing}) == 40
    assert missing.any(0)[0, 4:-4, 4:-4].all()  # over many pictures they lie everywhere
    near = images.clone()
    near[:, 0, 0, 0] += 1 / 127.5  # one level of one pixel: other holes
    assert (unknown_pixels(blocks(near)) != missing).any((1, 2, 3)).all()


def test_unknown_way_is_an_error():
    for call in (source_channels, source_size):
        with pytest.raises(UsageError, match="did you mean edges"):
            call("edge", 16)


# ---- pairs in files --------------------------------------------------------------------------------------------------

def plain(colour: tuple | int, width: int = 8, height: int = 8) -> Image.Image:
    return Image.new("L" if isinstance(colour, int) else "RGB", (width, height), colour)


def both(left: tuple, right: tuple, side: int = 8) -> Image.Image:
    image = plain(left, 2 * side, side)
    image.paste(right, (side, 0, 2 * side, side))
    return image


def write(path: Path, image: Image.Image, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def colours(images) -> list[tuple]:
    """The colour of each of (N, C, S, S), which has one alone."""
    flat = images[torch.arange(len(images))].flatten(2)
    assert torch.equal(flat.amin(2), flat.amax(2))
    return [tuple(colour) for colour in flat[..., 0].tolist()]


@pytest.fixture
def side_by_side(tmp_path) -> Path:
    folder = tmp_path / "photos"
    for split, left in (("train", RED), ("val", BLUE), ("test", GREEN)):
        for number in range(3 if split == "train" else 1):
            write(folder / split / f"{number}.png", both(left, (number, number, number)))
    return folder


def test_left_half_is_the_source(side_by_side):
    pairs = PairFolder(side_by_side)
    source, target, labels = pairs.load()
    assert (source.shape, target.shape) == ((3, 3, 8, 8), (3, 3, 8, 8))
    assert source.dtype == target.dtype == torch.uint8
    assert colours(source) == [RED] * 3
    assert colours(target) == [(n, n, n) for n in range(3)]  # in the order of the files
    assert torch.equal(labels, torch.zeros(3, dtype=torch.int64))
    assert pairs.spec == PairSpec(name="photos", image_size=8, channels=3, source_size=8, source_channels=3,
                                  pairs="files", images=3, provenance="a folder of 3 pairs")


def test_reverse_swaps_and_shares_the_cache(side_by_side, cache):
    source, target, _ = PairFolder(side_by_side).load()
    before = sorted(cache.rglob("*.npy"))
    right, left, _ = PairFolder(side_by_side, reverse=True).load()
    assert torch.equal(right, target)
    assert torch.equal(left, source)
    assert sorted(cache.rglob("*.npy")) == before
    assert len(before) == 2


def test_halves_do_not_bleed_when_resampled(tmp_path):
    for number in range(2):
        write(tmp_path / "big" / f"{number}.png", both((255,) * 3, (0,) * 3, side=37))
    source, target, _ = PairFolder(tmp_path / "big", image_size=16).load()
    assert colours(source) == [(255,) * 3] * 2
    assert colours(target) == [(0,) * 3] * 2


@pytest.mark.parametrize(("split", "colour"), [("train", RED), ("val", BLUE), ("test", GREEN)])
def test_splits(side_by_side, split, colour):
    pairs = PairFolder(side_by_side, split=split)
    assert (pairs.split, pairs.splits) == (split, ("train", "val", "test"))
    assert set(colours(pairs.load()[0])) == {colour}


def test_missing_split_is_an_error(side_by_side):
    with pytest.raises(UsageError, match="has no test split: it has train"):
        PairFolder(side_by_side / "train", split="test")


@pytest.mark.parametrize("names", [("A", "B"), ("source", "target")])
@pytest.mark.parametrize("reverse", [False, True])
def test_two_folders(tmp_path, names, reverse):
    """Matched by name, whatever the order or kind of the files; each half has channels of its own."""
    folder = tmp_path / "pairs" / "train"
    for number, colour in enumerate((RED, GREEN, BLUE)):
        write(folder / names[0] / "deeper" / f"{number}.png", plain(50 * number))
        write(folder / names[1] / "deeper" / f"{number}.{'bmp' if number == 1 else 'png'}", plain(colour, 16, 16))
    pairs = PairFolder(tmp_path / "pairs", reverse=reverse)
    grey, colour = pairs.load()[:2][::-1] if reverse else pairs.load()[:2]
    size = 8 if reverse else 16  # of the target
    assert (grey.shape, colour.shape) == ((3, 1, size, size), (3, 3, size, size))
    assert colours(grey) == [(0,), (50,), (100,)]
    assert colours(colour) == [RED, GREEN, BLUE]
    assert (pairs.spec.source_channels, pairs.spec.channels) == ((3, 1) if reverse else (1, 3))


def test_upright_before_it_is_split(tmp_path):
    """A camera's file may lie on its side and say so."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image = both(RED, BLUE).transpose(Image.Transpose.ROTATE_90)
    for number in range(2):
        write(tmp_path / "turned" / f"{number}.png", image, exif=exif)
    source, target, _ = PairFolder(tmp_path / "turned").load()
    assert (colours(source), colours(target)) == ([RED] * 2, [BLUE] * 2)


def test_changed_file_is_decoded_anew(side_by_side):
    PairFolder(side_by_side).load()
    write(side_by_side / "train" / "1.png", both(GREEN, BLUE))
    source, target, _ = PairFolder(side_by_side).load()
    assert (colours(source)[1], colours(target)[1]) == (GREEN, BLUE)


def test_no_folder_and_no_pictures(tmp_path):
    with pytest.raises(UsageError, match="there is no folder .*nowhere: give one"):
        PairFolder(tmp_path / "nowhere")
    (tmp_path / "empty" / "A").mkdir(parents=True)
    (tmp_path / "empty" / "B").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "empty" / "A"):
        with pytest.raises(UsageError, match="there are no pictures in .*, A and B or source and target"):
            PairFolder(folder)


def test_pictures_that_are_no_pairs_are_named(side_by_side):
    for number in range(7):
        write(side_by_side / "train" / f"square{number}.png", plain(RED))
    with pytest.raises(UsageError, match="7 pictures .* are not twice as wide as high: square0.png, square1.png, "
                                         r"square2.png, square3.png, square4.png, \.\.\."):
        PairFolder(side_by_side)


def test_partners_that_are_missing_twofold_or_of_another_shape_are_named(tmp_path):
    folder = tmp_path / "pairs"
    for side in "AB":
        write(folder / side / "1.png", plain(RED))
    lonely = [write(folder / "A" / "2.png", plain(RED)), write(folder / "B" / "3.png", plain(RED))]
    with pytest.raises(UsageError, match="2 pictures .* stand in one of A and B only: A/2.png, B/3.png"):
        PairFolder(folder)
    lonely[1].rename(folder / "B" / "2.png")
    write(folder / "B" / "2.png", plain(RED, 12, 8))
    with pytest.raises(UsageError, match="another shape than their partner in B: A/2.png. To do: crop"):
        PairFolder(folder)
    write(folder / "B" / "2.png", plain(RED, 17, 16))  # twice as large, to a pixel
    assert len(PairFolder(folder).files) == 2
    write(folder / "A" / "2.bmp", plain(RED))
    with pytest.raises(UsageError, match="1 pictures .* suffix only: 2.png"):
        PairFolder(folder)


def test_broken_pictures_are_named_when_decoded(side_by_side):
    (side_by_side / "train" / "0.png").write_bytes(b"not a picture")
    pairs = PairFolder(side_by_side)
    assert pairs.spec.image_size == 8  # of the first that can be read
    with pytest.raises(UsageError, match="(?s)1 of 3 images of photos-left cannot be read.*0.png"):
        pairs.prepare()
    (side_by_side / "val" / "0.png").write_bytes(b"not a picture")
    with pytest.raises(UsageError, match="none of the 1 pictures"):
        PairFolder(side_by_side, split="val")

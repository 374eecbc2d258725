"""Large pictures in tiles: no seam where the network looks less far than the overlap, and every pixel made once."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import nn

import zoo
from zoo.commands import pictures, translate
from zoo.networks.statistics import Statistics
from zoo.tasks import tiles
from zoo.tasks.tiles import Looks, in_tiles, side_of

QUARTER = tiles._Overlap(4, 8)  # of tiles of 64


def tiled(picture, made_of, side: int, multiple: int, reach: int | None = None) -> torch.Tensor:
    return torch.cat(list(in_tiles(picture, made_of, side, Looks(multiple, reach=reach))), 2)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 64), (130, 97), (64, 300), (201, 203)])
@pytest.mark.parametrize("factor", [1, 2])
def test_no_seam_of_a_network_that_looks_less_far(height, width, factor):
    """A pixel that depends on three others in each direction is the same in tiles of 64 as in one piece."""
    look = nn.Conv2d(2, 3, 7, padding=3).double()
    grow = nn.Upsample(scale_factor=factor)
    picture = torch.rand(2, 2, height, width, dtype=torch.float64)
    with torch.no_grad():
        whole = grow(look(picture))
        made = tiled(picture, lambda tile: grow(look(tile)), 64, 4)
    torch.testing.assert_close(made, whole, rtol=0, atol=1e-12)
    assert made.shape == whole.shape


@pytest.mark.parametrize(("height", "width"), [(64, 65), (91, 97), (64, 300), (201, 203), (40, 200)])
@pytest.mark.parametrize("factor", [1, 4])
def test_no_seam_at_all_where_the_reach_is_known(height, width, factor):
    """A pixel depends on nine others in each direction, and tiles of 64 overlap by twice that; not by one less."""
    look = nn.Conv2d(2, 3, 19, padding=9).double()
    grow = nn.Upsample(scale_factor=factor)
    picture = torch.rand(2, 2, height, width, dtype=torch.float64)
    asked = []
    with torch.no_grad():
        whole = grow(look(picture))
        made = tiled(picture, lambda tile: asked.append(1) or grow(look(tile)), 64, 1, reach=9)
        less = tiled(picture, lambda tile: grow(look(tile)), 64, 1, reach=8)
    torch.testing.assert_close(made[..., :whole.shape[3]], whole, rtol=0, atol=1e-12)
    assert made.shape == whole.shape
    assert (less - whole).abs().max() > 1e-3
    assert len(asked) == -(-height // 46) * -(-width // 46)


def test_bands_come_before_all_is_made():
    """From top to bottom, each as soon as no tile to come reaches into it."""
    made = []
    bands = in_tiles(torch.rand(1, 1, 300, 64), lambda tile: made.append(1) or tile, 64, Looks(reach=8))
    next(bands)
    assert len(made) <= 3  # of seven
    assert sum(band.shape[2] for band in bands) < 300


def test_tiles_go_over_into_each_other():
    """What differs from tile to tile fades: no step between neighbouring pixels is large."""
    tone = iter([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    made = tiled(torch.zeros(1, 1, 128, 300), lambda tile: torch.full_like(tile, next(tone)), 128, 4)
    steps = made.diff(dim=3).abs()
    assert made.min() == 0
    assert made.max() == 1
    assert steps.max() < 2 / (128 // 4 - 2 * (128 // 16))


@pytest.mark.parametrize("length", [64, 65, 100, 128, 1000])
@pytest.mark.parametrize("multiple", [1, 4, 64])
def test_tiles_cover_all_and_overlap(length, multiple):
    places = tiles._places(length, 64, multiple, QUARTER)
    assert places[0] == 0
    assert places[-1] == length - 64
    assert all(0 < b - a <= 64 - 64 // 4 for a, b in zip(places, places[1:], strict=False))


def test_when_there_are_tiles():
    assert side_of(1024, 1024, None, Looks(4, None)) == 0
    assert side_of(1025, 1024, None, Looks(4, None)) == 512
    assert side_of(1024, 256, None, Looks(factor=2)) == 0  # of the answer
    assert side_of(1025, 256, None, Looks(factor=2)) == 512
    assert side_of(1025, 256, None, Looks(factor=4)) == 256
    assert side_of(1025, 256, None, Looks(factor=4, reach=20)) == 448
    assert side_of(1025, 256, 16, Looks(reach=20)) == 80
    assert side_of(2000, 2000, 0, Looks(4, None)) == 0
    assert side_of(100, 40, 30, Looks(16, None)) == 32  # up to what the network takes
    assert side_of(32, 30, 30, Looks(16, None)) == 0
    assert side_of(65, 64, None, Looks(64, 64)) == 64
    for asked, words in ((-1, "sides of 8 px or more"), (7, "sides of 8 px or more")):
        with pytest.raises(zoo.UsageError, match=words):
            side_of(9, 9, asked, Looks(1, None))
    with pytest.raises(zoo.UsageError, match="64x64 px at most, and this one is 64x65"):
        side_of(65, 64, 0, Looks(64, 64))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    zoo.save(zoo.create("cut", image_size=16, channels=3, width=2, blocks=1), folder)
    return folder


def test_a_model_in_tiles(saved):
    model = zoo.load(saved)
    picture = torch.rand(1, 3, 70, 45)
    made = model.translate(picture, tile=32)
    assert made.shape == (1, 3, 70, 45)
    assert not torch.equal(made, model.translate(picture))  # instance norm by the statistics of tiles
    assert torch.equal(made, model.translate(picture, tile=32))


# ---- instance norm ---------------------------------------------------------------------------------------------------

class Told(nn.Module):
    """A convolution and an instance norm with a gain and a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.look, self.norm = nn.Conv2d(3, 4, 5, padding=2), nn.InstanceNorm2d(4, affine=True)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)

    def forward(self, x):
        return self.norm(self.look(x)).relu()


def landscape(height: int = 96, width: int = 200) -> torch.Tensor:
    """Two pictures whose contrasts and tones are others in each part: one dark on the left, one on the right."""
    x = torch.rand(2, 3, height, width, dtype=torch.float64) * torch.linspace(0.1, 1, width)
    return torch.stack([x[0], x[1].flip(2)])


def test_the_same_place_is_made_alike_in_every_tile():
    """With the statistics of a tile alone the same texture would come out in other tones beside other things."""
    network = Told().double()
    x = torch.rand(2, 3, 256, 256, dtype=torch.float64)
    x[:, :, :, 100:] *= 0.2  # so the left tiles have other statistics than the right ones
    texture = torch.rand(3, 16, 16, dtype=torch.float64)
    for top, left in ((20, 30), (60, 200), (200, 40), (220, 230)):  # in four tiles, or where two overlap
        x[:, :, top:top + 16, left:left + 16] = texture
    with torch.no_grad():
        made = tiled(x, network, 128, 4)
    inside = [made[:, :, top + 2:top + 14, left + 2:left + 14]  # two pixels from the rim, which see more than texture
              for top, left in ((20, 30), (60, 200), (200, 40), (220, 230))]
    for other in inside[1:]:
        torch.testing.assert_close(other, inside[0], rtol=0, atol=1e-12)


def test_one_norm_is_by_the_mean_statistics_of_the_tiles():
    network, x = Told().double(), landscape(64, 112)
    places = tiles._places(112, 64, 4, QUARTER)
    with torch.no_grad():
        maps = [network.look(x[..., left:left + 64]) for left in places]
        means, squares = (sum(m.pow(k).mean((2, 3), keepdim=True) for m in maps) / len(maps) for k in (1, 2))
        whole = (network.look(x) - means) / (squares - means**2 + network.norm.eps).sqrt()
        whole = (whole * network.norm.weight[:, None, None] + network.norm.bias[:, None, None]).relu()
        made = tiled(x, network, 64, 4)
    torch.testing.assert_close(made, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", [v.name for v in zoo.variants() if v.task == "translate"])
def test_by_the_statistics_of_a_picture_itself_it_is_made_as_ever(variant):
    """So all norms of a network that depend on the picture are found, each with its gains and in its turn."""
    model = zoo.create(variant, image_size=32, channels=3, classes=2, width=4).double()
    statistics, one, other = Statistics(), model.inputs(2, seed=0), model.inputs(2, seed=1)
    with statistics:
        statistics.begin()
        first = model.respond(**one)
        statistics.settle()
        statistics.begin()
        again = model.respond(**one)
        statistics.begin()
        changed = model.respond(**other)
    torch.testing.assert_close(first, model.respond(**one), rtol=0, atol=1e-12)
    torch.testing.assert_close(again, first, rtol=0, atol=1e-8)
    assert torch.allclose(changed, model.respond(**other), rtol=0, atol=1e-8) == (statistics.norms == 0)


OF_ONE_SIZE = {"tpgan", "context-encoder"}  # what is made of a pixel depends on where in the picture it is


@pytest.mark.parametrize("options", [{"variant": v.name} for v in zoo.variants()
                                     if v.task == "translate" and v.name not in OF_ONE_SIZE]
                         + [{"variant": "pix2pix", "generator": "resnet"}])
def test_no_picture_is_too_small(options):
    model = zoo.create(**options, image_size=16, channels=3, classes=2, width=4)
    told = {"labels": 0} if "labels" in model.needs() else {}
    for height, width in ((1, 1), (2, 9), (13, 1)):
        made = model.translate(torch.rand(1, 3, height, width), **told)
        assert made.shape[2:] == (model.factor * height, model.factor * width)


def test_tones_are_nearer_to_those_of_one_piece_than_of_tiles_by_themselves(monkeypatch):
    """A trained model, and a photograph with sky, roofs and trees. Tones: means of 16x16 pixels, less that of all."""
    model = zoo.load("cyclegan-summer2winter")
    x = torch.from_numpy(load_sample_image("china.jpg")[100:292, 100:388].copy()).permute(2, 0, 1)

    def tones(tile: int) -> torch.Tensor:
        means = F.avg_pool2d(model.translate(x, tile=tile), 16)
        return means - means.mean((2, 3), keepdim=True)

    whole, together = tones(0), tones(96)
    monkeypatch.setattr(tiles, "_by_shared_statistics", lambda tiles, made_of: made_of)
    alone = tones(96)
    assert (together - whole).square().mean() < 0.25 * (alone - whole).square().mean()


def test_two_pictures_at_once_have_statistics_of_their_own(saved):
    model, x = zoo.load(saved), landscape(40, 90).float()
    both = model.translate(x, tile=32)
    for picture, made in zip(x, both, strict=True):
        torch.testing.assert_close(model.translate(picture, tile=32)[0], made, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.translate(x, tile=32, batch_size=1), both, rtol=0, atol=1e-5)


def test_of_a_very_large_picture_some_tiles_tell():
    asked = []
    network = Told().double()
    x = torch.rand(1, 3, 64, 64 + 48 * 40, dtype=torch.float64)
    with torch.no_grad():
        tiled(x, lambda tile: asked.append(1) or network(tile), 64, 4)
    count = len(tiles._places(x.shape[3], 64, 4, QUARTER))
    assert 32 < count <= 48
    assert len(asked) == count + -(-count // 3)  # every third
    plain = []
    tiled(x, lambda tile: plain.append(1) or tile, 64, 4)
    assert len(plain) == count + 1  # the first shows that there is no norm


# ---- zoo translate ---------------------------------------------------------------------------------------------------

def test_see_through_pictures_stay_so(saved, tmp_path):
    """PNG with alpha, with a palette that has a transparent colour, and grey with alpha; and turned by EXIF."""
    alpha = Image.fromarray(np.tile(np.arange(24, dtype=np.uint8) * 10, (20, 1)))
    coloured = Image.new("RGB", (24, 20), (200, 30, 90))
    coloured.putalpha(alpha)
    coloured.save(tmp_path / "rgba.png")
    Image.new("L", (24, 20), 90).save(tmp_path / "opaque.png")
    grey = Image.new("L", (24, 20), 90)
    grey.putalpha(alpha)
    grey.save(tmp_path / "la.png")
    indexed = Image.new("P", (24, 20), 1)
    indexed.putpalette([255, 0, 0, 0, 255, 0])
    indexed.putpixel((3, 4), 0)
    indexed.save(tmp_path / "palette.png", transparency=0)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (24, 20), (1, 2, 3)).save(tmp_path / "turned.jpg", exif=exif)
    coloured.save(tmp_path / "both.png", exif=exif)
    out = tmp_path / "out"
    assert translate.main([str(saved), str(tmp_path), "--out", str(out), "--tile", "16"]) == 0
    modes = {path.name: (Image.open(path).mode, Image.open(path).size) for path in out.iterdir()}
    sheet = modes.pop(pictures.SHEET)
    assert modes == {"rgba.png": ("RGBA", (24, 20)), "la.png": ("RGBA", (24, 20)), "palette.png": ("RGBA", (24, 20)),
                     "opaque.png": ("RGB", (24, 20)), "turned.png": ("RGB", (20, 24)), "both.png": ("RGBA", (20, 24))}
    assert np.array_equal(np.array(Image.open(out / "rgba.png"))[..., 3], np.array(alpha))
    turned = alpha.transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(np.array(Image.open(out / "both.png"))[..., 3], np.array(turned))
    seen = np.array(Image.open(out / "palette.png"))[..., 3]
    assert seen[4, 3] == 0
    assert (seen == 255).sum() == 24 * 20 - 1
    assert sheet[1][1] > 6 * pictures.THUMBNAIL  # a row each


@pytest.mark.parametrize("kind", ["turned", "16 bit", "grey", "palette", "black and white"])
def test_pictures_of_any_sort_are_read_as_they_look(kind, saved, tmp_path):
    """The answer is that to the same picture as plain RGB."""
    values = np.random.default_rng(0).integers(0, 256, (20, 24), dtype=np.uint8)
    colours = Image.fromarray(np.stack([values, values.T.reshape(20, 24), 255 - values], 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    deep = values.astype(np.uint16) * 257
    deep[0, 0] = 65535
    image, options, plain = {
        "turned": (colours, {"exif": exif}, colours.transpose(Image.Transpose.ROTATE_270)),
        "16 bit": (Image.fromarray(deep), {}, Image.fromarray((deep // 257).astype(np.uint8)).convert("RGB")),
        "grey": (Image.fromarray(values), {}, Image.fromarray(values).convert("RGB")),
        "palette": (indexed := colours.quantize(16), {}, indexed.convert("RGB")),
        "black and white": (bits := Image.fromarray(values).convert("1"), {}, bits.convert("RGB")),
    }[kind]
    image.save(tmp_path / "given.png", **options)
    plain.save(tmp_path / "plain.png")
    assert translate.main([str(saved), str(tmp_path / "*.png"), "--out", str(tmp_path / "out")]) == 0
    made, expected = (Image.open(tmp_path / "out" / name) for name in ("given.png", "plain.png"))
    assert made.size == expected.size == plain.size
    assert np.abs(np.asarray(made, int) - np.asarray(expected, int)).max() <= 1


def test_floats_are_on_the_sheet_as_they_look(saved, tmp_path):
    ramp = np.tile(np.linspace(0, 1, 24, dtype=np.float32), (20, 1))
    Image.fromarray(ramp).save(tmp_path / "float.tiff")
    Image.fromarray((ramp * 255).round().astype(np.uint8)).save(tmp_path / "whole.png")
    for name in ("float.tiff", "whole.png"):
        assert translate.main([str(saved), str(tmp_path / name), "--out", str(tmp_path / name[:5])]) == 0
    one, other = (np.asarray(Image.open(tmp_path / name / pictures.SHEET), int) for name in ("float", "whole"))
    assert np.abs(one - other).max() <= 2


def test_the_sheet_has_a_place_of_its_own(saved, tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / pictures.SHEET)
    call = [str(saved), str(tmp_path / pictures.SHEET), "--out", str(tmp_path / "out")]
    with pytest.raises(zoo.UsageError, match="where the sheet goes: choose another --sheet"):
        translate.main(call)
    with pytest.raises(zoo.UsageError, match="a PNG is written"):
        translate.main([*call, "--sheet", str(tmp_path / "sheet.jpg")])
    assert translate.main([*call, "--sheet", str(tmp_path / "new" / "sheet.png")]) == 0
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        assert sheet.width > 2 * pictures.THUMBNAIL
    with pytest.raises(zoo.UsageError, match="is there already"):
        translate.main([*call, "--sheet", str(tmp_path / "new" / "sheet.png")])

"""Large pictures in tiles: no seam where the network looks less far than the overlap, and every pixel made once."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import zoo
from zoo.commands import translate
from zoo.tasks import tiles
from zoo.tasks.tiles import in_tiles, side_of


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 64), (130, 97), (64, 300), (201, 203)])
@pytest.mark.parametrize("factor", [1, 2])
def test_no_seam_of_a_network_that_looks_less_far(height, width, factor):
    """A pixel that depends on three others in each direction is the same in tiles of 64 as in one piece."""
    look = nn.Conv2d(2, 3, 7, padding=3).double()
    grow = nn.Upsample(scale_factor=factor)
    picture = torch.rand(2, 2, height, width, dtype=torch.float64)
    with torch.no_grad():
        whole = grow(look(picture))
        made = in_tiles(picture, lambda tile: grow(look(tile)), 64, 4)
    torch.testing.assert_close(made, whole, rtol=0, atol=1e-12)
    assert made.shape == whole.shape


def test_tiles_go_over_into_each_other():
    """What differs from tile to tile fades: no step between neighbouring pixels is large."""
    tone = iter([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    made = in_tiles(torch.zeros(1, 1, 128, 300), lambda tile: torch.full_like(tile, next(tone)), 128, 4)
    steps = made.diff(dim=3).abs()
    assert made.min() == 0
    assert made.max() == 1
    assert steps.max() < 2 / (128 // 4 - 2 * (128 // 16))


@pytest.mark.parametrize("length", [64, 65, 100, 128, 1000])
@pytest.mark.parametrize("multiple", [1, 4, 64])
def test_tiles_cover_all_and_overlap(length, multiple):
    places = tiles._places(length, 64, multiple)
    assert places[0] == 0
    assert places[-1] == length - 64
    assert all(0 < b - a <= 64 - 64 // 4 for a, b in zip(places, places[1:], strict=False))


def test_when_there_are_tiles():
    assert side_of(1024, 1024, None, 4, None) == 0
    assert side_of(1025, 1024, None, 4, None) == 512
    assert side_of(2000, 2000, 0, 4, None) == 0
    assert side_of(100, 40, 30, 16, None) == 32  # up to what the network takes
    assert side_of(32, 30, 30, 16, None) == 0
    assert side_of(65, 64, None, 64, 64) == 64
    for asked, words in ((-1, "sides of 8 px or more"), (7, "sides of 8 px or more")):
        with pytest.raises(zoo.UsageError, match=words):
            side_of(9, 9, asked, 1, None)
    with pytest.raises(zoo.UsageError, match="64x64 px at most, and this one is 65x64"):
        side_of(65, 64, 0, 64, 64)


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
    assert not torch.equal(made, model.translate(picture))  # instance norm sees a tile as a picture
    assert torch.equal(made, model.translate(picture, tile=32))


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
    out = tmp_path / "out"
    assert translate.main([str(saved), str(tmp_path), "--out", str(out), "--tile", "16"]) == 0
    modes = {path.name: (Image.open(path).mode, Image.open(path).size) for path in out.iterdir()}
    sheet = modes.pop(translate.SHEET)
    assert modes == {"rgba.png": ("RGBA", (24, 20)), "la.png": ("RGBA", (24, 20)), "palette.png": ("RGBA", (24, 20)),
                     "opaque.png": ("RGB", (24, 20)), "turned.png": ("RGB", (20, 24))}
    assert np.array_equal(np.array(Image.open(out / "rgba.png"))[..., 3], np.array(alpha))
    seen = np.array(Image.open(out / "palette.png"))[..., 3]
    assert seen[4, 3] == 0
    assert (seen == 255).sum() == 24 * 20 - 1
    assert sheet[1][1] > 5 * translate.THUMBNAIL  # a row each


def test_the_sheet_has_a_place_of_its_own(saved, tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / translate.SHEET)
    call = [str(saved), str(tmp_path / translate.SHEET), "--out", str(tmp_path / "out")]
    with pytest.raises(zoo.UsageError, match="where the sheet goes: choose another --sheet"):
        translate.main(call)
    with pytest.raises(zoo.UsageError, match="a PNG is written"):
        translate.main([*call, "--sheet", str(tmp_path / "sheet.jpg")])
    assert translate.main([*call, "--sheet", str(tmp_path / "new" / "sheet.png")]) == 0
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        assert sheet.width > 2 * translate.THUMBNAIL
    with pytest.raises(zoo.UsageError, match="is there already"):
        translate.main([*call, "--sheet", str(tmp_path / "new" / "sheet.png")])

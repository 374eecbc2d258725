"""zoo upscale: pictures of any sort and size made larger, and compared with the true ones as the field's tables do."""

import re
import weakref

import numpy as np
import pytest
import torch
from PIL import Image
from test_srgan import model_of
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import zoo
from zoo.commands import upscale
from zoo.commands.pictures import SHEET
from zoo.data import png
from zoo.data.bands import Made
from zoo.data.derived import SHRINK
from zoo.data.pair_spec import PairSpec
from zoo.data.pictures import as_tensor, bicubic
from zoo.models import variant_class
from zoo.models.srgan import SRGAN


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    zoo.save(model_of(size=32, blocks=1).float(), folder)
    return folder


def picture(width: int = 24, height: int = 20) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(np.random.default_rng(0).normal(ramp, 20).clip(0, 255).astype(np.uint8))


def test_pictures_of_all_sorts_and_sizes(saved, tmp_path, capsys):
    """Those that cannot be read, or only in part, are named; the others are done, and see-through ones stay so."""
    picture().save(tmp_path / "plain.jpg")
    picture(3, 5).save(tmp_path / "tiny.png")
    picture().convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray((np.arange(480).reshape(20, 24) * 130).astype(np.uint16)).save(tmp_path / "deep.png")
    picture().save(tmp_path / "moving.gif", save_all=True,
                   append_images=[Image.new("RGB", (24, 20), colour) for colour in ("red", "blue")])
    alpha = Image.fromarray(np.tile(np.arange(24, dtype=np.uint8) * 10, (20, 1)))
    through = picture()
    through.putalpha(alpha)
    through.save(tmp_path / "through.png")
    whole = (tmp_path / "plain.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    out = tmp_path / "out"
    assert upscale.main([str(saved), str(tmp_path), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert "cut.jpg cannot be read" in said.err
    assert "moving.gif has 3 pictures, of which the first was taken" in said.err
    assert f"6 pictures in {out}, 1 could not be made" in said.out
    made = {path.name: Image.open(path) for path in out.iterdir() if path.name != SHEET}
    assert {name: image.size for name, image in made.items()} == {
        "plain.png": (96, 80), "tiny.png": (12, 20), "cmyk.png": (96, 80), "deep.png": (96, 80), "moving.png": (96, 80),
        "through.png": (96, 80)}
    assert {name: image.mode for name, image in made.items()} == dict.fromkeys(made, "RGB") | {"through.png": "RGBA"}
    expected = np.array(alpha.resize((96, 80), Image.Resampling.BICUBIC))
    assert np.array_equal(np.array(made["through.png"])[..., 3], expected)
    answer = zoo.load(saved).upscale(tmp_path / "plain.jpg")
    torch.testing.assert_close(as_tensor(made["plain.png"], 3), answer, atol=0.5 / 255 + 1e-6, rtol=0)


def test_tiles_are_the_picture_in_one_piece(saved, tmp_path):
    """Without seams, to rounding, whatever their side; by the command's bands too."""
    model = zoo.load(saved).double()
    given = as_tensor(picture(150, 111), 3)
    whole = model.upscale(given, tile=0)
    for tile in (8, 44, 60, 128):
        torch.testing.assert_close(model.upscale(given, tile=tile), whole, atol=1e-6, rtol=0)
    parts = Made(model.bands(given, tile=44), None, 600, 444).written(tmp_path / "made.png", keep=True)
    assert len(parts) == 5
    assert torch.equal(as_tensor(tmp_path / "made.png", 3), as_tensor(torch.cat(parts, 2), 3))
    torch.testing.assert_close(as_tensor(tmp_path / "made.png", 3), whole, atol=0.5 / 255 + 1e-5, rtol=0)


@pytest.mark.parametrize("variant", ["srgan", "wavelet-srgan"])
def test_the_rim_of_a_tile_is_not_made_larger(variant):
    """The last layer makes 46 pixels a side of a tile of 60, of which 40 are taken, and small pieces are the same."""
    model = zoo.create(variant, image_size=32, channels=3, width=4, blocks=1).double().eval()
    given, made = torch.rand(1, 3, 80, 120, dtype=torch.float64), []
    whole = model.upscale(given, tile=0)
    side = 40 + 2 * model.reach
    model.generator[-1].register_forward_hook(lambda layer, x, y: made.append(y.shape[2:].numel()))
    for piece in (model.generator.piece, 15):
        made.clear()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(model.generator, "piece", piece)
            torch.testing.assert_close(model.upscale(given, tile=side), whole, atol=1e-6, rtol=0)
        assert len(made) == 6 * (-(-40 // piece))**2
        by_place = whole.shape[2:].numel() // {"srgan": 1, "wavelet-srgan": 16}[variant]
        assert sum(made) < by_place * ((min(40, piece) + 2 * model.generator.near) / min(40, piece))**2


@pytest.mark.parametrize("options", [
    {}, {"pairs": "half"}, {"pairs": "eighth", "width": 16}, {"variant": "wavelet-srgan"},
    {"variant": "wavelet-srgan", "width": 4},
])
def test_no_tensor_of_a_piece_is_as_large_as_what_glibc_maps_anew(options):
    """32 MiB, at the width of the models that come with the package; and pieces are not smaller than need be."""
    how = {"variant": "srgan", "pairs": "quarter", "width": 32} | options
    data = PairSpec(name="x", image_size=64, channels=3, source_size=64 // SHRINK[how["pairs"]], source_channels=3,
                    pairs=how["pairs"])
    cls = variant_class(how["variant"])
    model = cls(cls.Config(width=how["width"], blocks=1, adversarial_weight=0.0), data).eval()
    generator = model.generator
    side = generator.piece + 2 * generator.near
    with Largest() as largest, torch.no_grad():
        generator.enlarged(torch.rand(1, how["width"], side, side))
    assert 16 * 2**20 < 4 * largest.values < 2**25


class Largest(TorchDispatchMode):
    """Notes the most values of any tensor that is made while it is entered."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **kwargs or {})
        if isinstance(made, torch.Tensor):
            self.values = max(self.values, made.untyped_storage().size() // made.element_size())
        return made


def test_a_tall_picture_is_never_in_memory_as_a_whole(saved, tmp_path):
    """No tensor has as many values as a quarter of the answer, and a band is gone before the next is made."""
    picture(40, 600).save(tmp_path / "tall.png")
    with Largest() as largest:
        assert upscale.main([str(saved), str(tmp_path / "tall.png"), "--out", str(tmp_path), "--tile", "44",
                             "--overwrite"]) == 0
    made = as_tensor(tmp_path / "tall.png", 3)
    assert made.shape == (1, 3, 2400, 160)
    assert largest.values < made.numel() / 4
    living, most = [], []

    def bands():
        for _ in range(20):
            most.append(sum(one() is not None for one in living))
            band = torch.rand(1, 3, 50, 100)
            living.append(weakref.ref(band))
            yield band
            del band

    Made(bands(), None, 100, 1000).written(tmp_path / "made.png", keep=False)
    assert most == [0] * 20


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_what_is_written_as_it_comes_is_what_pillow_reads(mode, tmp_path, monkeypatch):
    """By bands of any height, and however many rows are filtered at once."""
    values = np.array(picture(37, 29).convert("RGBA"))
    values[..., 3] = np.arange(37)
    expected = np.array(Image.fromarray(values).convert(mode)).reshape(29, 37, len(mode))
    for at_once in (1, 500, png.AT_ONCE):
        monkeypatch.setattr(png, "AT_ONCE", at_once)
        with png.PNG(tmp_path / "x.png", 37, 29, len(mode)) as file:
            for top, bottom in ((0, 1), (1, 20), (20, 29)):
                file.write(expected[top:bottom])
        read = Image.open(tmp_path / "x.png")
        assert read.mode == mode
        assert np.array_equal(np.array(read).reshape(expected.shape), expected)


def test_in_bands_it_is_as_see_through_as_at_once(tmp_path):
    """Up to rounding; and a thumbnail is of all of it."""
    alpha = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 20), dtype=np.uint8))
    ramp = torch.linspace(0, 1, 120)[:, None].expand(1, 3, 120, 80)
    made = Made(iter(ramp.clone().split([50, 1, 69], 2)), alpha, 80, 120)
    made.written(tmp_path / "x.png", keep=False)
    written = np.array(Image.open(tmp_path / "x.png"))
    at_once = np.array(alpha.resize((80, 120), Image.Resampling.BICUBIC))
    assert np.abs(written[..., 3].astype(int) - at_once).max() <= 1  # Pillow rounds its weights
    assert np.array_equal(np.array(made.small), written[..., :3])


def numbers(text: str) -> dict[str, list[float]]:
    return {row.split()[0]: [float(x) for x in row.split()[1:]] for row in text.splitlines()
            if re.search(r" 0\.\d+$| 1\.0+$", row)}


def test_numbers_as_in_the_field_s_tables(saved, tmp_path, capsys, monkeypatch):
    """A model that is bicubic gets bicubic's, by --shrink and by --reference, and they are those of the definition."""
    (tmp_path / "true").mkdir()
    (tmp_path / "small").mkdir()
    sizes = {"one": (97, 83), "two": (64, 120)}
    for name, size in sizes.items():
        picture(*size).save(tmp_path / "true" / f"{name}.png")
    monkeypatch.setattr(SRGAN, "generate", lambda self, source, normal=None: 2 * bicubic(
        source / 2 + 0.5, *(4 * length for length in source.shape[2:])) - 1)
    assert upscale.main([str(saved), str(tmp_path / "true"), "--shrink", "--out", str(tmp_path / "a")]) == 0
    found = numbers(capsys.readouterr().out)
    assert list(found) == ["one.png", "two.png", "mean"]
    for name, (width, height) in sizes.items():
        true = np.array(picture(width, height)).astype(float)[:height // 4 * 4, :width // 4 * 4]
        x = torch.from_numpy(true).permute(2, 0, 1)[None]
        small = nn.functional.interpolate(x, scale_factor=0.25, mode="bicubic", antialias=True).round().clamp(0, 255)
        large = nn.functional.interpolate(small, scale_factor=4, mode="bicubic", antialias=True).round().clamp(0, 255)
        weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64)[:, None, None] / 255
        apart = ((large - x)[0] * weights).sum(0)[4:-4, 4:-4]
        expected = 10 * np.log10(255**2 / apart.square().mean().item())
        assert found[f"{name}.png"][0] == pytest.approx(expected, abs=0.03)
        assert found[f"{name}.png"][:2] == pytest.approx(found[f"{name}.png"][2:], abs=0.02)
        Image.fromarray(small[0].permute(1, 2, 0).byte().numpy()).save(tmp_path / "small" / f"{name}.png")
    assert found["mean"][0] == pytest.approx((found["one.png"][0] + found["two.png"][0]) / 2, abs=0.01)
    call = [str(saved), str(tmp_path / "small"), "--reference", str(tmp_path / "true"), "--out", str(tmp_path / "b")]
    assert upscale.main(call) == 0
    assert numbers(capsys.readouterr().out) == found


def test_true_pictures_that_do_not_fit_are_named(saved, tmp_path, capsys):
    """What was made is there all the same."""
    for name in ("one", "two", "three"):
        picture(16, 12).save(tmp_path / f"{name}.png")
    true = tmp_path / "true"
    true.mkdir()
    picture(64, 48).save(true / "one.png")
    picture(48, 48).save(true / "two.png")
    out = tmp_path / "out"
    assert upscale.main([str(saved), str(tmp_path), "--reference", str(true), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert "two.png has 48x48 px, and 64x48 px are made of it" in said.err
    assert f"there is no true picture of {tmp_path / 'three.png'} in {true}" in said.err
    assert f"3 pictures in {out}\n" in said.out
    assert list(numbers(said.out)) == ["one.png"]


def test_what_cannot_be_done_is_said_before_work(saved, tmp_path):
    picture().save(tmp_path / "x.png")
    out = ["--out", str(tmp_path / "out")]
    given = str(tmp_path / "x.png")
    with pytest.raises(zoo.UsageError, match=r"pix2pix-facades makes no pictures larger: it can be asked with transl"):
        upscale.main(["pix2pix-facades", given, *out])
    with pytest.raises(zoo.UsageError, match="gan-mnist makes no pictures larger"):
        upscale.main(["gan-mnist", given, *out])
    with pytest.raises(zoo.UsageError, match="leave --reference away"):
        upscale.main([str(saved), given, "--shrink", "--reference", str(tmp_path), *out])
    with pytest.raises(zoo.UsageError, match="there is no folder .* of true pictures"):
        upscale.main([str(saved), given, "--reference", str(tmp_path / "none"), *out])
    with pytest.raises(zoo.UsageError, match="tiles have sides of 8 px or more"):
        upscale.main([str(saved), given, "--tile", "3", *out])
    assert not (tmp_path / "out").exists()

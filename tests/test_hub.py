"""Publishing to and fetching from the Hub, with the genuine client against a strict server on this machine."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from conftest import WHOLE, tiny_config, tiny_run
from hub_server import HubServer
from huggingface_hub import HfApi, constants
from huggingface_hub.utils import _http
from test_variants import checkpoint

import zoo
from zoo.cards import pages
from zoo.cards.publishing import bundle, catalogued
from zoo.cards.tables import variants_table
from zoo.commands import publish
from zoo.core.files import write_json
from zoo.store import catalogue, network
from zoo.store.golden import check_golden
from zoo.store.layout import TRAINING, read_config, read_metrics
from zoo.store.locating import locate

METRICS = {"fd10k[digits]": {"value": 12.5, "protocol": "features=digits@0 data=digits split=train samples=10000"},
           "diversity": {"value": 0.9, "protocol": "by eye"}}
ORIGIN = {"training": {"data": "digits", "batch_size": 8, "seed": 0, "images": 120}, "images_seen": 80,
          "command": "python it.py", "commit": None, "hardware": "1 x abacus"}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A server in the place of huggingface.co, an empty cache, and a token in the environment."""
    with HubServer(user="me") as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                            server.url + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", server.token)
        monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)
        yield server
        assert not server.unexpected


def folder_of(tmp_path, seed=0, variant="gan", name="model"):
    torch.manual_seed(seed)
    model = zoo.create(variant, image_size=16, classes=3, width=2, backbone="mlp")
    folder = zoo.save(model, tmp_path / name, ORIGIN)
    write_json(folder / "metrics.json", METRICS)
    return folder


def images(source):
    model = zoo.load(source)
    return model.sample(4, 0 if model.conditional else None, seed=1)


def commits(hub, repo="me/gan"):
    return [commit.id for commit in hub.repos[repo].commits] if repo in hub.repos else []


def test_a_dry_run_sends_nothing_and_says_what_it_would_send(hub, tmp_path):
    folder = folder_of(tmp_path)
    done = zoo.publish(folder, "me/gan", dry_run=True)
    assert hub.requests == []
    assert set(done.files) == {"config.json", "model.safetensors", "golden.safetensors", "metrics.json", "samples.png",
                               "interpolation.png", "README.md"}
    assert done.files["config.json"] == (folder / "config.json").stat().st_size
    assert 'zoo.load("me/gan")' in (folder / "README.md").read_text()


@pytest.mark.parametrize("variant", ["gan", "cgan"])
def test_what_is_published_comes_back(variant, hub, tmp_path):
    folder = folder_of(tmp_path, variant=variant)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "images-1.ckpt").write_bytes(b"not for others")
    done = zoo.publish(folder, "me/gan")
    sent = hub.files("me/gan")
    assert {name: sent[name] for name in done.files} == {name: (folder / name).read_bytes() for name in done.files}
    assert not any("ckpt" in name for name in sent)
    expected = images(folder)
    for source in ("me/gan", f"me/gan@{done.commit}", "me/gan@main"):
        assert torch.equal(images(source), expected)


def test_where_the_makers_data_lie_is_not_published(hub, package, tmp_path):
    folder = folder_of(tmp_path)
    config = read_config(folder)
    write_json(folder / "config.json", config | {"training": config["training"] | {"data_dir": "/home/me/data"}})
    done = zoo.publish(folder, "me/gan")
    bundle("gan-digits", folder)
    for sent in (hub.files("me/gan")["config.json"], (package / "pretrained/gan-digits/config.json").read_bytes()):
        assert json.loads(sent) | {"digests": None} == config | {
            "training": config["training"] | {"data_dir": None}, "digests": None}  # bundled in half precision
    assert done.files["config.json"] == len(hub.files("me/gan")["config.json"])
    assert read_config(folder)["training"]["data_dir"] == "/home/me/data"  # the run goes on from there


def test_the_same_content_makes_no_commit(hub, tmp_path):
    folder = folder_of(tmp_path)
    first = zoo.publish(folder, "me/gan")
    before = commits(hub)
    assert zoo.publish(folder, "me/gan").commit == first.commit
    assert commits(hub) == before


def test_a_pinned_model_in_the_cache_needs_no_network(hub, tmp_path, monkeypatch):
    folder = folder_of(tmp_path)
    pinned = f"me/gan@{zoo.publish(folder, 'me/gan').commit}"
    expected = images(pinned)
    hub.requests.clear()

    def closed(*args):
        raise AssertionError("a request")

    monkeypatch.setattr("socket.socket.connect", closed)
    assert torch.equal(images(pinned), expected)
    assert hub.requests == []


def test_the_newest_commit_is_loaded_unless_it_is_pinned(hub, tmp_path):
    old, new = folder_of(tmp_path, 0), folder_of(tmp_path, 1, name="new")
    first = zoo.publish(old, "me/gan").commit
    zoo.load("me/gan")
    zoo.publish(new, "me/gan")
    assert torch.equal(images("me/gan"), images(new))
    assert torch.equal(images(f"me/gan@{first}"), images(old))
    branch = zoo.publish(old, "me/gan", revision="other")
    assert torch.equal(images("me/gan@other"), images(old))
    assert torch.equal(images("me/gan"), images(new))
    assert branch.commit != first


def test_a_private_repository_needs_a_token(hub, tmp_path, monkeypatch):
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan", private=True)
    assert hub.repos["me/gan"].private
    assert torch.equal(images("me/gan"), images(folder))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another"))
    for token in (hub.stranger_token, "hf_wrong"):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(zoo.UsageError, match="private.*hf auth login"):
            zoo.load("me/gan")


@pytest.mark.parametrize("token", [None, "hf_wrong"])
def test_publishing_needs_a_token(token, hub, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(zoo.UsageError, match=r"(?s)nothing was published to me/gan.*hf auth login"):
        zoo.publish(folder_of(tmp_path), "me/gan")
    assert hub.repos == {}


@pytest.mark.parametrize(("source", "message"), [
    ("me/nothing", "no repository me/nothing"), ("me/gan@v9", "no revision v9"), ("me/other", "no model of the zoo"),
    ("me/gan@../../etc", "no revision"), ("me/..", "neither a model folder"),
])
def test_what_is_not_there(source, message, hub, tmp_path):
    zoo.publish(folder_of(tmp_path), "me/gan")
    HfApi().create_repo("me/other")
    with pytest.raises(zoo.UsageError, match=message):
        zoo.load(source)


def test_half_an_upload_leaves_the_repository_as_it_was(hub, tmp_path):
    zoo.publish(folder_of(tmp_path, 0), "me/gan")
    before, content = commits(hub), hub.files("me/gan")
    new = folder_of(tmp_path, 1, name="new")
    hub.fail("POST", "/commit/", 500, times=100)
    with pytest.raises(zoo.UsageError, match="nothing was published"):
        zoo.publish(new, "me/gan")
    assert (commits(hub), hub.files("me/gan")) == (before, content)


def test_a_busy_hub_is_asked_again(hub, tmp_path):
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan")
    hub.fail("HEAD", "config.json", 429, times=1, headers={"Retry-After": "1"})
    assert torch.equal(images("me/gan"), images(folder))


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_that_fails_is_an_error_and_no_model(status, hub, tmp_path):
    zoo.publish(folder_of(tmp_path), "me/gan")
    hub.fail("HEAD|GET", "resolve", status, times=1000)
    with pytest.raises(zoo.UsageError, match="me/gan"):
        zoo.load("me/gan")


def test_a_download_that_is_cut_short_is_completed_or_refused(hub, tmp_path):
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan")
    hub.cut("model.safetensors", 1_000, times=1)
    try:
        assert torch.equal(images("me/gan"), images(folder))
    except zoo.UsageError as error:
        assert "cannot be fetched" in str(error)  # noqa: PT017 - either will do
    assert torch.equal(images("me/gan"), images(folder))


def test_a_full_disk(hub, tmp_path):
    """What fits not into the cache is an error that names it, and the next try succeeds."""
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan")
    size = (folder / "model.safetensors").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))
    try:
        with pytest.raises(zoo.UsageError, match="me/gan cannot be fetched"):
            zoo.load("me/gan")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.equal(images("me/gan"), images(folder))


def test_offline_mode(hub, tmp_path, monkeypatch):
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan")
    expected = images("me/gan")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert torch.equal(images("me/gan"), expected)
    with pytest.raises(zoo.UsageError, match="not in the cache"):
        zoo.load("me/another")
    assert hub.requests == []


def test_a_dead_network_is_noticed_at_once(hub, tmp_path, monkeypatch):
    """And what is in the cache is taken from there."""
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan")
    expected = images("me/gan")

    def dead(*args, **kwargs):
        raise OSError("Network is unreachable")

    waited = []
    monkeypatch.setattr(_http.time, "sleep", waited.append)
    monkeypatch.setattr("socket.socket.connect", dead)
    assert torch.equal(images("me/gan"), expected)
    with pytest.raises(zoo.UsageError, match="not in the cache, and the Hub cannot be reached"):
        zoo.load("me/another")
    assert sum(waited) < 1


def test_a_run_begins_with_the_discriminator_of_a_model_on_the_hub(hub, finished, tmp_path, monkeypatch, capsys):
    """It comes when it is asked for, once, from the cache afterwards, and where there is none the run says so."""
    folder = shutil.copytree(finished("dcgan"), tmp_path / "run")
    write_json(folder / "metrics.json", METRICS)
    publish.main([str(folder), "--repo", "me/gan"])
    zoo.load("me/gan")
    assert not any(TRAINING in line for line in hub.requests)
    state = checkpoint(folder, WHOLE)["state_dict"]
    how = {"init_from": "me/gan", "config": tiny_config("dcgan") | {"freeze_discriminator": 1}}
    with monkeypatch.context() as dead:
        dead.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(zoo.UsageError, match=f"{TRAINING} of me/gan is not in the cache, and HF_HUB_OFFLINE"):
            tiny_run("dcgan", tmp_path / "first", **how)
    model = tiny_run("dcgan", tmp_path / "first", **how).model
    assert "nothing begins anew" in capsys.readouterr().err
    for key, value in model.discriminator.state_dict().items():
        torch.testing.assert_close(value, state[f"discriminator.{key}"], atol=1e-3, rtol=1e-3)
    kept = next((tmp_path / "cache").rglob(TRAINING))
    kept.resolve().write_bytes(b"something else")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert torch.equal(tiny_run("dcgan", tmp_path / "first", **how).model.discriminator.trunk[0].weight,
                       model.discriminator.trunk[0].weight)  # it was fetched again

    zoo.publish(folder_of(tmp_path, variant="gan"), "me/alone")
    pinned = f"me/alone@{commits(hub, 'me/alone')[-1]}"
    for _ in range(2):  # that it has none stands in the cache
        hub.requests.clear()
        tiny_run("gan", tmp_path / "second", init_from=pinned, config={"width": 2, "backbone": "mlp"})
        assert "what begins anew: discriminator" in capsys.readouterr().err
    assert hub.requests == []


def test_files_that_lead_out_of_the_folder_are_not_sent(hub, tmp_path):
    folder = folder_of(tmp_path)
    (tmp_path / "secret").write_bytes((folder / "samples.png").read_bytes())
    (folder / "samples.png").unlink()
    (folder / "samples.png").symlink_to(tmp_path / "secret")
    with pytest.raises(zoo.UsageError, match="leads out of the folder"):
        zoo.publish(folder, "me/gan")
    assert hub.requests == []


def test_a_model_that_does_not_make_its_golden_images_is_not_published(hub, tmp_path):
    folder, other = folder_of(tmp_path), folder_of(tmp_path, 1, name="other")
    (folder / "golden.safetensors").write_bytes((other / "golden.safetensors").read_bytes())
    with pytest.raises(zoo.UsageError, match="does not make the images"):
        zoo.publish(folder, "me/gan")
    assert hub.requests == []


@pytest.mark.filterwarnings("ignore:.*are too few.*")
def test_a_model_without_a_distance_is_measured_first(hub, tmp_path):
    folder = folder_of(tmp_path)
    write_json(folder / "metrics.json", {  # a number whose protocol is a small one
        "classes_found[digits]": {"value": 0, "protocol": "features=digits data=digits samples=50 real=100"}})
    zoo.publish(folder, "me/gan", dry_run=True)
    metrics = read_metrics(folder)
    assert {"fd50[digits]", "classes_found[digits]"} <= set(metrics)
    assert metrics["classes_found[digits]"]["value"] > 0


def test_the_card_has_every_number_in_its_metadata(hub, tmp_path):
    folder = folder_of(tmp_path, variant="cgan")
    zoo.publish(folder, "me/gan")
    front, text = hub.files("me/gan")["README.md"].decode().removeprefix("---\n").split("\n---\n", 1)
    metadata = yaml.safe_load(front)
    assert (metadata["library_name"], metadata["pipeline_tag"]) == ("zoo", "unconditional-image-generation")
    (entry,) = metadata["model-index"]
    measured = {m["type"]: (m["value"], m["args"]["protocol"])
                for result in entry["results"] for m in result["metrics"]}
    assert measured == {name: (m["value"], m["protocol"]) for name, m in METRICS.items()}
    for words in ('zoo.load("me/gan").sample(16, labels=\'0\', seed=0)', "python it.py", "1 x abacus",
                  "Weights after 80 images seen of a budget of 120", "12.5"):
        assert words in text


# ---- the catalogue ---------------------------------------------------------------------------------------------------

@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "PACKAGE", tmp_path / "package")
    return tmp_path / "package"


def test_a_bundled_model_is_loaded_by_name(package, tmp_path):
    folder = folder_of(tmp_path)
    bundle("gan-digits", folder)
    torch.testing.assert_close(images("gan-digits"), images(folder), atol=1 / 255, rtol=0)
    sizes = [(place / "model.safetensors").stat().st_size for place in (package / "pretrained" / "gan-digits", folder)]
    assert sizes[0] < 0.6 * sizes[1]  # half precision
    assert zoo.load("gan-digits").dtype == torch.float32
    (entry,) = zoo.pretrained()
    assert entry[:3] == ("gan-digits", "sample", "gan")
    assert (entry.where, entry.headline) == ("bundled", "fd10k[digits] 12.5")
    assert entry.parameters == sum(p.numel() for p in zoo.load(folder).parameters())
    assert 'zoo.load("gan-digits")' in (package / "pretrained" / "gan-digits" / "README.md").read_text()
    with pytest.raises(zoo.UsageError, match="did you mean gan-digits"):
        zoo.load("gan-digit")


def test_weights_that_half_precision_would_change_stay_whole(package, tmp_path):
    torch.manual_seed(0)
    model = zoo.create("gan", image_size=16, width=2, backbone="mlp")
    with torch.no_grad():
        next(model.generator.parameters()).mul_(1e6)  # beyond what half precision holds
    folder = zoo.save(model, tmp_path / "large", ORIGIN)
    write_json(folder / "metrics.json", METRICS)
    bundle("gan-large", folder)
    assert torch.equal(images("gan-large"), images(folder))


def test_weights_that_are_not_those_of_the_catalogue_are_refused(package, tmp_path):
    bundle("gan-digits", folder_of(tmp_path))
    other = folder_of(tmp_path, 1, name="other")
    bundled = package / "pretrained" / "gan-digits" / "model.safetensors"
    bundled.write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(zoo.UsageError, match="not those that were published"):
        zoo.load("gan-digits")


def test_a_published_model_of_the_catalogue_is_pinned(hub, package, tmp_path):
    folder = folder_of(tmp_path)
    done = zoo.publish(folder, "me/gan")
    catalogued("gan-remote", folder, "me/gan", done.commit)
    zoo.publish(folder_of(tmp_path, 1, name="new"), "me/gan")
    assert torch.equal(images("gan-remote"), images(folder))
    hub.requests.clear()
    zoo.load("gan-remote")
    assert hub.requests == []


def reachable(entry):
    if entry.where == catalogue.BUNDLED:
        return True
    try:
        socket.create_connection(("huggingface.co", 443), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("entry", zoo.pretrained(), ids=lambda entry: entry.name)
def test_every_model_of_the_catalogue_makes_its_golden_images(entry):
    if not reachable(entry):
        pytest.skip("the Hub cannot be reached")
    check_golden(zoo.load(entry.name), locate(entry.name))


# ---- command line and processes --------------------------------------------------------------------------------------

def test_the_script_publishes_and_says_how_to_load(hub, package, tmp_path, monkeypatch, capsys):
    folder = folder_of(tmp_path)
    publish.main([str(folder), "--repo", "me/gan", "--name", "gan-remote"])
    commit = commits(hub)[-1]
    assert f'zoo.load("me/gan@{commit}")' in capsys.readouterr().out
    assert [(e.name, e.where, e.commit) for e in zoo.pretrained()] == [("gan-remote", "me/gan", commit)]
    monkeypatch.setattr(pages, "PAGES", tmp_path / "cards")
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "README.md").write_text("old\n")
    publish.main([str(folder), "--bundle", "gan-digits"])
    assert "images/gan-digits-samples.png" in (tmp_path / "cards" / "gan-digits.md").read_text()
    assert (tmp_path / "cards" / "images" / "gan-digits-samples.png").exists()
    (folder / "notes.md").write_text("Of the first one.")
    shutil.copyfile(folder / "samples.png", folder / "codes.png")
    publish.main([str(folder), "--bundle", "gan-digits"])
    cards = package / "pretrained" / "gan-digits", tmp_path / "cards" / "images"
    assert [(cards[0] / "codes.png").exists(), (cards[1] / "gan-digits-codes.png").exists()] == [True, True]
    publish.main([str(folder_of(tmp_path, 1, name="new")), "--bundle", "gan-digits"])  # nothing of the old one stays
    assert [(cards[0] / "codes.png").exists(), (cards[1] / "gan-digits-codes.png").exists()] == [False, False]
    assert "Of the first one." not in (tmp_path / "cards" / "gan-digits.md").read_text()
    readme = (tmp_path / "cards" / "README.md").read_text()
    assert 'width="180"> | [`gan-digits`](gan-digits.md) | gan | ' in readme
    assert "|  | [`gan-remote`](https://huggingface.co/me/gan) | gan | " in readme
    assert not readme.startswith("old")
    assert readme.endswith(f"{variants_table()}\n")
    for arguments in ([], [str(folder)], [str(folder), "--repo", "a/b", "--bundle", "c"]):
        with pytest.raises(zoo.UsageError, match="--repo ORG/NAME or --bundle NAME"):
            publish.main(arguments)


def test_two_processes_load_at_once_by_the_environment_alone(hub, tmp_path):
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan", private=True)
    code = "import sys, zoo, torch; torch.save(zoo.load('me/gan').sample(4, seed=1), sys.argv[1])"
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HOME": str(tmp_path / "home"),
                                "HF_HUB_DISABLE_XET": "1"}
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / f"{i}.pt")], env=environment,
                                stderr=subprocess.PIPE, text=True) for i in range(2)]
    for i, process in enumerate(running):
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
        assert torch.equal(torch.load(tmp_path / f"{i}.pt"), images(folder))


# ---- a network and a Hub in trouble ----------------------------------------------------------------------------------

@pytest.fixture
def impatient(monkeypatch):
    """Limits of a fraction of a second."""
    monkeypatch.setattr(network, "PATIENCE", 0.3)
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.3)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)


@pytest.mark.parametrize("path", ["/api/models/me/gan$", "/api/repos/create", "/preupload/", "/commit/", "info/lfs",
                                  "/storage/"])
def test_publishing_to_a_server_that_is_silent_ends(path, hub, impatient, tmp_path):
    hub.hang("GET|POST|PUT", path, times=100)
    with pytest.raises(zoo.UsageError, match="nothing was published to me/gan: .*does not answer in time"):
        zoo.publish(folder_of(tmp_path), "me/gan")
    assert hub.repos == {}


def test_publishing_to_a_server_that_says_nothing_at_all_ends(hub, impatient, tmp_path):
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan")
    hub.hang(".*", "", times=100)
    with pytest.raises(zoo.UsageError, match="nothing was published to me/gan: .*does not answer in time"):
        zoo.publish(folder, "me/gan")


def test_limits_are_for_the_time_of_an_upload(hub, tmp_path):
    from huggingface_hub import get_session

    before = get_session().event_hooks
    zoo.publish(folder_of(tmp_path), "me/gan")
    assert get_session().event_hooks == before


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_head_that_hangs_is_noticed_in_time(file, hub, impatient, tmp_path):
    zoo.publish(folder_of(tmp_path), "me/gan")
    hub.hang("HEAD", file, times=1000)
    start = time.monotonic()
    with pytest.raises(zoo.UsageError, match="me/gan .*does not answer in time"):
        zoo.load("me/gan")
    assert time.monotonic() - start < 5
    assert sum(request.startswith("HEAD") for request in hub.requests) <= 3


def test_a_download_that_stalls_ends(hub, impatient, tmp_path):
    zoo.publish(folder_of(tmp_path), "me/gan")
    hub.cut("model.safetensors", 1_000, times=1000, stalls=True)
    with pytest.raises(zoo.UsageError, match="me/gan cannot be fetched: .*does not answer in time"):
        zoo.load("me/gan")


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(("endpoint", "words"), [
    (closed_port, "the Hub cannot be reached: .*refused"), (lambda: "http://no.such.host.invalid", "cannot be reached"),
    (lambda: "nonsense://x", "UnsupportedProtocol|unsupported protocol|cannot be reached")])
def test_no_network_is_a_sentence(endpoint, words, hub, impatient, tmp_path, monkeypatch):
    place = endpoint()
    monkeypatch.setattr(constants, "ENDPOINT", place)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", place + "/{repo_id}/resolve/{revision}/{filename}")
    with pytest.raises(zoo.UsageError, match=f"(?i)me/gan is not in the cache, and .*({words})"):
        zoo.load("me/gan")
    with pytest.raises(zoo.UsageError, match=f"(?i)nothing was published to me/gan: .*({words})"):
        zoo.publish(folder_of(tmp_path), "me/gan")


def test_a_login_page_in_place_of_the_hub_is_a_sentence(hub, tmp_path):
    hub.portal(".*", "", times=1000)
    with pytest.raises(zoo.UsageError, match="me/gan is not in the cache, and .*Hub"):
        zoo.load("me/gan")
    with pytest.raises(zoo.UsageError, match="nothing was published to me/gan: .*no JSON"):
        zoo.publish(folder_of(tmp_path), "me/gan")


@pytest.mark.parametrize("path", ["/preupload/", "/commit/", "/objects/batch"])
def test_a_login_page_in_the_middle_of_an_upload_is_a_sentence(path, hub, tmp_path):
    hub.portal("POST", path, times=1000)
    with pytest.raises(zoo.UsageError, match="nothing was published to me/gan: "):
        zoo.publish(folder_of(tmp_path), "me/gan")
    assert hub.repos == {}


@pytest.mark.parametrize(("status", "words"), [
    (429, "429 Too Many Requests"), (500, "500 Internal Server Error"), (503, "503 Service Unavailable"),
    (403, "403 Forbidden")])
@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_refusal_is_told_with_its_status(status, words, file, hub, tmp_path):
    folder = folder_of(tmp_path)
    zoo.publish(folder, "me/gan")
    hub.fail("HEAD|GET", file, status, times=1000)
    with pytest.raises(zoo.UsageError, match=f"the Hub answers {words}"):
        zoo.load("me/gan")
    hub.fail("POST", "preupload", status, times=1000)
    with pytest.raises(zoo.UsageError, match=f"nothing was published to me/gan: the Hub answers {words}"):
        zoo.publish(folder_of(tmp_path, 1, name="new"), "me/gan")


def test_a_commit_whose_answer_is_lost_was_made(hub, tmp_path):
    folder = folder_of(tmp_path)
    hub.lose("POST", "/commit/", times=1)
    done = zoo.publish(folder, "me/gan")
    assert done.commit == commits(hub)[-1]
    assert torch.equal(images(f"me/gan@{done.commit}"), images(folder))


def test_what_is_not_known_is_not_said(hub, impatient, tmp_path):
    """The commit was made, its answer was lost, and nobody answers any more."""
    hub.lose("POST", "/commit/", times=100)
    hub.fail("POST", "/paths-info/", 500, times=1000)
    with pytest.raises(zoo.UsageError, match=f"not known whether .* published to me/gan.*Look at {hub.url}/me/gan"):
        zoo.publish(folder_of(tmp_path), "me/gan")
    assert len(commits(hub)) > 1


def test_an_upload_that_fails_removes_only_what_it_made(hub, tmp_path):
    folder = folder_of(tmp_path)
    hub.fail("POST", "/commit/", 500, times=100)
    with pytest.raises(zoo.UsageError, match="nothing was published to me/gan: the Hub answers 500"):
        zoo.publish(folder, "me/gan")
    assert hub.repos == {}
    HfApi().create_repo("me/mine")
    with pytest.raises(zoo.UsageError, match="nothing was published to me/mine"):
        zoo.publish(folder, "me/mine")
    assert list(hub.repos) == ["me/mine"]
    hub.fail("DELETE", "/api/repos/delete", 403)
    with pytest.raises(zoo.UsageError, match="nothing was published to me/gan.* An empty repository is left"):
        zoo.publish(folder, "me/gan")


# ---- other bytes than those that were asked for ----------------------------------------------------------------------

def blob(name="model.safetensors"):
    (path,) = Path(constants.HF_HUB_CACHE).glob(f"models--me--gan/snapshots/*/{name}")
    return path.resolve()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_wrong_bytes_in_the_cache_are_fetched_again(name, hub, tmp_path, monkeypatch):
    folder, other = folder_of(tmp_path), folder_of(tmp_path, 1, name="other")
    done = zoo.publish(folder, "me/gan")
    zoo.load("me/gan")
    for source in ("me/gan", f"me/gan@{done.commit}"):
        for content in ((other / name).read_bytes(), b"", bytes(blob(name).stat().st_size)):  # or those of equal size
            blob(name).write_bytes(content)
            assert torch.equal(images(source), images(folder))
    blob(name).write_bytes(b"")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(zoo.UsageError, match="not in the cache, and HF_HUB_OFFLINE is set"):
        zoo.load("me/gan")


def test_other_weights_than_the_hub_names_are_refused_and_not_kept(hub, tmp_path):
    folder, other = folder_of(tmp_path), folder_of(tmp_path, 1, name="other")
    done = zoo.publish(folder, "me/gan")
    hub.served["model.safetensors"] = (other / "model.safetensors").read_bytes()
    for source in ("me/gan", f"me/gan@{done.commit}"):
        with pytest.raises(zoo.UsageError, match=r"what the Hub sends of me/gan .* other bytes than those of model"):
            zoo.load(source)
    hub.served.clear()
    assert torch.equal(images("me/gan"), images(folder))


def test_an_old_file_under_the_tag_of_a_newer_one_is_refused(hub, tmp_path):
    """Such a server makes the client take the newer file, of equal size, out of its cache."""
    old, new = folder_of(tmp_path, 0), folder_of(tmp_path, 1, name="new")
    first, second = zoo.publish(old, "me/gan").commit, zoo.publish(new, "me/gan").commit
    zoo.load("me/gan")
    hub.tags[first, "model.safetensors"] = hub.repos["me/gan"].at(second).oid("model.safetensors")
    with pytest.raises(zoo.UsageError, match="of different saves"):
        zoo.load(f"me/gan@{first}")
    hub.tags.clear()
    assert torch.equal(images(f"me/gan@{first}"), images(old))
    assert torch.equal(images("me/gan"), images(new))


def test_commits_of_64_digits_are_found_offline(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = folder_of(tmp_path)
    with HubServer(user="me", commit_hash="sha256") as server:
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                            server.url + "/{repo_id}/resolve/{revision}/{filename}")
        commit = server.add("me/gan", {path.name: path.read_bytes() for path in folder.iterdir()})
        assert len(commit) == 64
        assert torch.equal(images(f"me/gan@{commit}"), images(folder))
        server.requests.clear()
        zoo.load(f"me/gan@{commit}")
        assert server.requests == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert torch.equal(images(f"me/gan@{commit}"), images(folder))

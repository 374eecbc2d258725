"""The Hugging Face Hub: model folders fetched from it, kept in its cache, and published to it in one commit."""

from pathlib import Path
from typing import NamedTuple

import zoo
from zoo.errors import UsageError
from zoo.files import to_json

PICTURES = ("samples.png", "labels.png", "codes.png", "dimensions.png", "interpolation.png", "progress.png",
            "memorisation.png")  # in the order of the card
NOTES = "notes.md"  # what its maker has to say, for the card
FILES = ("config.json", "model.safetensors", "golden.safetensors", "metrics.json", *PICTURES, NOTES,
         "README.md")  # all that a repository holds: neither checkpoints nor logs of the run


def fetch(repo: str, revision: str | None = None) -> Path:
    """The folder, in the cache of huggingface_hub, of a model on the Hub.

    Endpoint, token, cache folder and offline mode are huggingface_hub's (HF_ENDPOINT, HF_TOKEN, HF_HOME,
    HF_HUB_OFFLINE). A full commit hash that is in the cache is taken from there without any request.

    Args:
        repo: ``org/name``.
        revision: branch, tag or commit; default: the newest commit.

    Raises:
        UsageError: no such repository, revision or file, no permission, no network, or no room for it.
    """
    from huggingface_hub import errors, hf_hub_download

    where = f"{repo}@{revision}" if revision else repo
    no_access = (f"there is no repository {repo} on the Hub for you. If it is private, log in with: hf auth login, or "
                 "set HF_TOKEN to a token that may read it")
    try:
        config = hf_hub_download(repo, "config.json", revision=_resolve(repo, revision), library_name="zoo",
                                 library_version=zoo.__version__)
        commit = Path(config).parent.name  # of one commit, even if the branch moves on meanwhile
        hf_hub_download(repo, "model.safetensors", revision=commit)
    except errors.HFValidationError as error:
        raise UsageError(f"{where!r} is neither a model folder, a bundled model nor a repository: {error}") from error
    except errors.GatedRepoError as error:
        raise UsageError(f"{repo} is gated: ask for access on its page, then log in with: hf auth login") from error
    except errors.RevisionNotFoundError as error:
        raise UsageError(f"{repo} has no revision {revision}") from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError(no_access) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise UsageError(f"{where} is not in the cache, and the Hub cannot be reached or HF_HUB_OFFLINE is set: load "
                         "it once with a network") from error
    except errors.EntryNotFoundError as error:
        raise UsageError(f"{where} is no model of the zoo: it lacks config.json or model.safetensors") from error
    except (errors.HfHubHTTPError, OSError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise UsageError(no_access if status in (401, 403) else f"{where} cannot be fetched: {error}") from error
    return Path(config).parent


def _resolve(repo: str, revision: str | None) -> str | None:
    """The revision, or without a network the commit that it stood for when there was one.

    ``hf_hub_download`` would find out too that there is none, but it tries for half a minute.
    """
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    url = hf_hub_url(repo, "config.json", revision=revision)
    cached = try_to_load_from_cache(repo, "config.json", revision=revision)
    known = Path(cached).parent.name if isinstance(cached, str) else None
    if known is not None and known == revision:
        return revision  # a commit stays what it is
    try:
        get_hf_file_metadata(url)
        return revision
    except errors.HfHubHTTPError as error:
        if error.response.status_code in (429, 500, 502, 503, 504):
            return revision  # a busy Hub is asked again
        raise
    except Exception as error:  # whatever the client's library for HTTP raises without a network
        if known is None:
            raise errors.LocalEntryNotFoundError(str(error)) from error
        return known


class Published(NamedTuple):
    """Where a model went."""

    url: str
    commit: str
    files: dict[str, int]  # sizes in bytes


def publish(folder: str | Path, repo: str, private: bool = False, revision: str | None = None,
            dry_run: bool = False) -> Published:
    """Uploads a model folder to the Hub in one commit: it is there whole or not at all.

    The card is rendered again. A folder without numbers is evaluated first, in the bundled features for its data, else
    InceptionV3's. Files that the repository has already are not sent, and if it has all, no commit is made.

    Args:
        folder: a model folder, such as a run's.
        repo: ``org/name``; made if need be.
        private: whether a repository that is made is private.
        revision: branch, made if need be; default: main.
        dry_run: sends nothing; the files are in the folder and their sizes in what is returned.

    Raises:
        UsageError: the folder holds no sound model, a file in it leads out of it, or the Hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, errors

    files = prepare(Path(folder).expanduser(), repo)
    sizes = {name: len(content) if isinstance(content, bytes) else content.stat().st_size
             for name, content in files.items()}
    if dry_run:
        return Published(f"(not sent to {repo})", "", sizes)
    api = HfApi(library_name="zoo", library_version=zoo.__version__)
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        if revision:
            api.create_branch(repo, branch=revision, exist_ok=True)
        info = api.create_commit(
            repo, [CommitOperationAdd(name, content) for name, content in files.items()], revision=revision,
            commit_message=f"Model of gan-zoo {zoo.__version__}")
    except errors.HFValidationError as error:
        raise UsageError(f"{repo!r} is no name of a repository: {error}") from error
    except (errors.LocalTokenNotFoundError, errors.OfflineModeIsEnabled, errors.HfHubHTTPError, OSError) as error:
        raise UsageError(f"nothing was published to {repo}: {error}. A token that may write comes from: hf auth login, "
                         "or HF_TOKEN") from error
    return Published(str(info.repo_url), info.oid, sizes)


def prepare(folder: Path, name: str) -> dict[str, Path | bytes]:
    """Brings a model folder into the state in which it is published: sound, measured, with pictures and a card.

    Args:
        folder: a model folder.
        name: under which ``zoo.load`` is going to find it.

    Returns:
        The files to send, by name: where they lie, or their content where it is not quite the folder's.
    """
    from zoo.card import write_card
    from zoo.folder import check_golden, load, read_config, read_metrics
    from zoo.metrics.leaderboard import is_distance, measured
    from zoo.showcase import write_pictures

    model = load(folder)
    files = [folder / name for name in FILES if (folder / name).exists()]
    for path in files:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{path} leads out of the folder, to {path.resolve()}: put a copy in its place")
    check_golden(model, folder)
    if not any(is_distance(metric) for metric in read_metrics(folder)) and not model.data.is_points:
        from zoo.metrics.evaluation import evaluate_folder
        from zoo.metrics.features import default_features

        evaluate_folder(folder, features=None if measured(folder, {}) else default_features(model.data.name))
    write_pictures(folder)
    write_card(folder, name)
    there = {name: folder / name for name in FILES if (folder / name).exists()}
    config = read_config(folder)
    if config.get("training", {}).get("data_dir"):
        config["training"]["data_dir"] = None  # where the maker's data lie; nobody else has that folder
    return there | {"config.json": to_json(config).encode()}

"""The Hugging Face Hub: model folders fetched from it and kept in its cache."""

import contextlib
import hashlib
import re
from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError
from zoo.core.files import hash_of_file
from zoo.core.version import __version__
from zoo.store.layout import read_config
from zoo.store.network import BUSY, cause, status
from zoo.store.weights import check_together

NEEDED = ("config.json", "model.safetensors")


def fetch(repo: str, revision: str | None = None, more: tuple[str, ...] = ()) -> Path:
    """The folder, in the cache of huggingface_hub, of a model on the Hub.

    Endpoint, token, cache folder and offline mode are huggingface_hub's (HF_ENDPOINT, HF_TOKEN, HF_HOME,
    HF_HUB_OFFLINE). A full commit hash that is in the cache is taken from there without any request. What is in the
    cache is compared with its own name there, and fetched again where it is something else.

    Args:
        repo: ``org/name``.
        revision: branch, tag or commit; default: the newest commit.
        more: names of files that come along where the repository has them.

    Raises:
        UsageError: no such repository, revision or file, no permission, no network, a server that is busy or none of
            the Hub's, other bytes than it names, or no room for them.
    """
    folder = _fetched(repo, revision, more)
    if not _forget_wrong(folder, more):
        return folder
    folder = _fetched(repo, revision, more)
    if wrong := _forget_wrong(folder, more):
        raise UsageError(f"what the Hub sends of {repo} is not what it should be, and is not kept: {wrong}")
    return folder


def _fetched(repo: str, revision: str | None, more: tuple[str, ...]) -> Path:
    """The folder as it came."""
    try:
        folder = _in_cache(repo, revision)
    except Exception as error:  # whatever the client and its libraries for HTTP raise
        raise UsageError(_refusal(error, repo, revision)) from error
    for name in more:
        try:
            _bring(repo, name, folder.name)
        except Exception as error:  # as above
            raise UsageError(f"{name} of {repo} is not in the cache, and {cause(error)}: begin with the model once "
                             "with a network") from error
    return folder


def _bring(repo: str, name: str, commit: str) -> None:
    """Puts a file of a commit into the cache, or the note that the commit has none, unless one of them is there."""
    from huggingface_hub import errors, hf_hub_download, try_to_load_from_cache

    if try_to_load_from_cache(repo, name, revision=commit) is not None:
        return
    with contextlib.suppress(errors.RemoteEntryNotFoundError):
        _ask(repo, name, commit)
    with contextlib.suppress(errors.RemoteEntryNotFoundError):  # which the client notes in the cache
        hf_hub_download(repo, name, revision=commit)


def _refusal(error: Exception, repo: str, revision: str | None) -> str:
    """In words, why a model did not come."""
    from huggingface_hub import errors

    where = f"{repo}@{revision}" if revision else repo
    if isinstance(error, errors.HFValidationError):
        return f"{where!r} is neither a model folder, a bundled model nor a repository: {error}"
    if isinstance(error, errors.GatedRepoError):
        return f"{repo} is gated: ask for access on its page, then log in with: hf auth login"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo} has no revision {revision}"
    if isinstance(error, errors.RepositoryNotFoundError) or status(error) in (401, 403):
        return (f"there is no repository {repo} on the Hub for you ({cause(error)}). If it is private, log in with: hf "
                "auth login, or set HF_TOKEN to a token that may read it")
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return f"{where} is not in the cache, and {cause(error)}: load it once with a network"
    if isinstance(error, errors.EntryNotFoundError):
        return f"{where} is no model of the zoo: it lacks config.json or model.safetensors"
    return f"{where} cannot be fetched: {cause(error)}"


def _in_cache(repo: str, revision: str | None) -> Path:
    """The folder in the cache, with what it lacks fetched.

    Without a network it is that of the commit that the revision stood for when there was one. ``hf_hub_download``
    would find out too that there is none, but it tries for minutes.
    """
    from huggingface_hub import errors, hf_hub_download

    known = _known(repo, revision)
    if known is not None and known.name == revision:
        return known  # a commit stays what it is
    try:
        _ask(repo, "config.json", revision)
    except errors.HfHubHTTPError:
        raise
    except Exception as error:  # whatever the client's library for HTTP raises without a network
        if known is None:
            raise errors.LocalEntryNotFoundError(str(error)) from error
        return known
    config = hf_hub_download(repo, "config.json", revision=revision, library_name="zoo", library_version=__version__)
    commit = Path(config).parent.name  # of one commit, even if the branch moves on meanwhile
    if _known(repo, commit) is None:
        _ask(repo, "model.safetensors", commit)
        hf_hub_download(repo, "model.safetensors", revision=commit)
    return Path(config).parent


def _known(repo: str, revision: str | None) -> Path | None:
    """The folder of a revision if it is in the cache as a whole. Commits may have 40 or 64 hexadecimal digits."""
    from huggingface_hub import try_to_load_from_cache

    there = [try_to_load_from_cache(repo, name, revision=revision) for name in NEEDED]
    return Path(there[0]).parent if isinstance(there[0], str) and isinstance(there[1], str) else None


def _ask(repo: str, name: str, revision: str | None) -> None:
    """Raises what the client raises where the Hub does not answer for a file within its time limit.

    A Hub that is busy has answered: it is asked again, for a while, by ``hf_hub_download``.
    """
    from huggingface_hub import constants, errors, get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(repo, name, revision=revision), timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except errors.HfHubHTTPError as error:
        if status(error) not in BUSY:
            raise


def _forget_wrong(folder: Path, more: tuple[str, ...]) -> str:
    """Removes from the cache what is not what it should be: what it was, in words; empty if all is right.

    The content itself goes too: the client would link it again.
    """
    names = [*NEEDED, *(name for name in more if (folder / name).exists())]
    wrong = [folder / name for name in names if not has_name((folder / name).resolve())]
    said = " and ".join(f"other bytes than those of {path.name}" for path in wrong) or _contradiction(folder)
    if not said:
        return ""
    try:
        for path in wrong:
            path.resolve().unlink(missing_ok=True)
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"the cache is wrong ({said}) and cannot be mended ({error}): remove {folder.parents[1]}"
                         ) from error
    return said


def _contradiction(folder: Path) -> str:
    """What the digests in config.json say against it and the weights; empty where they say nothing."""
    try:
        config = read_config(folder)
    except UsageError:
        return ""  # loading says what is wrong with it
    try:
        check_together(config, folder)
    except UsageError as error:
        return str(error)
    return ""


def has_name(blob: Path) -> bool:
    """Whether a file of the cache has the content that its name says; a file by another kind of name may be any."""
    return not DIGEST.fullmatch(blob.name) or oid_of(blob, len(blob.name)) == blob.name


DIGEST = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


def oid_of(content: Path | bytes, digits: int) -> str:
    """The name that the Hub has for content: sha256 of a large file, of another what git calls it."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    hasher: Any = hashlib.sha256() if digits == 64 else hashlib.sha1(b"blob %d\0" % size)
    if isinstance(content, Path):
        return hash_of_file(content, hasher)
    hasher.update(content)
    return hasher.hexdigest()

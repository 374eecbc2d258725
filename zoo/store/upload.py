"""The Hugging Face Hub: a model folder sent to it, in one commit."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.core.errors import UsageError
from zoo.core.version import __version__
from zoo.store.hub import oid_of
from zoo.store.network import cause, limited, status

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Files = dict[str, Path | bytes]


class Sent(NamedTuple):
    """Where files are."""

    url: str
    commit: str


def upload(repo: str, files: Files, private: bool = False, revision: str | None = None) -> Sent:
    """Sends files, by name, where they lie or their content, in one commit: they are there whole or not at all.

    Args:
        repo: ``org/name``; made if need be, and removed again where nothing comes of it.
        private: whether a repository that is made is private.
        revision: branch, made if need be; default: main.

    Raises:
        UsageError: the Hub refuses or cannot be reached; where it is not known what came of it, it says so.
    """
    from huggingface_hub import HfApi, errors

    api = HfApi(library_name="zoo", library_version=__version__)
    with limited():
        try:
            is_new = not _exists(api, repo)
            _open(api, repo, private, revision)
        except errors.HFValidationError as error:
            raise UsageError(f"{repo!r} is no name of a repository: {error}") from error
        except Exception as error:  # whatever the client and its libraries for HTTP raise
            raise UsageError(f"nothing was published to {repo}: {cause(error)}.{_advice(error)}") from error
        try:
            return _commit(api, repo, files, revision)
        except Exception as error:  # as above
            return _arrived(api, repo, files, revision, is_new, error)


def _exists(api: "HfApi", repo: str) -> bool:
    from huggingface_hub import errors

    try:
        api.model_info(repo)
    except errors.GatedRepoError:
        return True
    except errors.RepositoryNotFoundError:
        return False
    return True


def _open(api: "HfApi", repo: str, private: bool, revision: str | None) -> None:
    api.create_repo(repo, private=private, exist_ok=True)
    if revision:
        api.create_branch(repo, branch=revision, exist_ok=True)


def _commit(api: "HfApi", repo: str, files: Files, revision: str | None) -> Sent:
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    info = api.create_commit(repo, operations, revision=revision, commit_message=f"Model of gan-zoo {__version__}")
    return Sent(str(info.repo_url), info.oid)


def _arrived(api: "HfApi", repo: str, files: Files, revision: str | None, is_new: bool, error: Exception) -> Sent:
    """Where files are whose commit failed: its answer alone may have been lost. Raises UsageError if they are not."""
    url = f"{api.endpoint}/{repo}"
    try:
        if _are_there(api, repo, files, revision):
            return Sent(url, str(api.model_info(repo, revision=revision).sha))
        left = " An empty repository is left." if is_new and not _remove_empty(api, repo) else ""
    except Exception:  # the Hub cannot be asked either
        raise UsageError(f"it is not known whether the model was published to {repo}: {cause(error)}. Look at {url} "
                         "before you publish it again") from error
    raise UsageError(f"nothing was published to {repo}: {cause(error)}.{left}{_advice(error)}") from error


def _are_there(api: "HfApi", repo: str, files: Files, revision: str | None) -> bool:
    """Whether a branch holds files with just this content."""
    there = {file.path: file for file in api.get_paths_info(repo, list(files), revision=revision)}
    return all(name in there and _is_entry(there[name], content) for name, content in files.items())


def _is_entry(entry: Any, content: Path | bytes) -> bool:
    """Whether what the Hub lists is this content."""
    oid = entry.lfs.sha256 if entry.lfs else entry.blob_id
    return oid == oid_of(content, len(oid))


def _remove_empty(api: "HfApi", repo: str) -> bool:
    """Removes a repository that was made for nothing; one with any file besides git's own stays."""
    if set(api.list_repo_files(repo)) - {".gitattributes"}:
        return True
    try:
        api.delete_repo(repo)
    except Exception:  # a token may write and yet not remove
        return False
    return True


def _advice(error: Exception) -> str:
    from huggingface_hub.errors import LocalTokenNotFoundError

    needs_token = status(error) in (401, 403) or isinstance(error, LocalTokenNotFoundError)
    return " A token that may write comes from: hf auth login, or HF_TOKEN" if needs_token else ""

"""The Hugging Face Hub: model folders fetched from it and kept in its cache."""

from pathlib import Path

from zoo.core.errors import UsageError
from zoo.core.version import __version__


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
                                 library_version=__version__)
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

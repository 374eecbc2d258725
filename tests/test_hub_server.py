"""The stand-in for the Hub, tried with the genuine client and, for what no sane client sends, with bare requests."""

import base64
import json
import socket
import time
from pathlib import Path

import huggingface_hub
import pytest
from hub_server import LARGE, LARGE_BINARY, HubServer, sha256
from huggingface_hub import CommitOperationAdd, HfApi, errors, hf_hub_download, snapshot_download
from huggingface_hub.utils import get_session

REPO = "org/model"
CARD = b"---\nlibrary_name: zoo\nlicense: apache-2.0\ntags: [gan]\n---\n# A model\n"
FILES = {"README.md": CARD, "config.json": b"{}\n", "model.safetensors": bytes(range(256)) * 40,
         "sub folder/more.txt": "größer".encode()}


@pytest.fixture
def hub(monkeypatch):
    """A server, the only host that can be connected to; and no request of a test may be one that it does not know."""
    strangers, lookup = [], socket.getaddrinfo

    def guarded(host, *rest, **more):
        if host != "127.0.0.1":
            strangers.append(host)
            raise OSError(f"a test must not connect to {host}")
        return lookup(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # looked up at every use
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)  # else it asks about agents
    with HubServer() as server:
        yield server
    assert not server.unexpected
    assert not strangers


@pytest.fixture
def api(hub):
    return HfApi(endpoint=hub.url, token=hub.token)


@pytest.fixture
def naps(monkeypatch):
    """Seconds for which the client would have slept."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def fetch(hub, tmp_path):
    """fetch(file): its bytes, through the client and a cache of the test's own."""
    def fetch(file="config.json", repo=REPO, token=False, **more):
        return Path(hf_hub_download(repo, file, endpoint=hub.url, cache_dir=tmp_path / "cache", token=token,
                                    **more)).read_bytes()

    return fetch


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def post(hub, path, body, token=True, method="POST"):
    """A bare request: its status and what the server says."""
    headers = {"Authorization": f"Bearer {hub.token}"} if token else {}
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = get_session().request(method, f"{hub.url}{path}", content=body, headers=headers)
    return reply.status_code, reply.text


# ---- publishing and fetching ----------------------------------------------------------------------------------------

def test_upload(hub, api, folder):
    assert str(api.create_repo(REPO)) == f"{hub.url}/{REPO}"
    assert str(api.create_repo(REPO, exist_ok=True)) == f"{hub.url}/{REPO}"
    with pytest.raises(errors.HfHubHTTPError, match="already created"):
        api.create_repo(REPO)
    hub.requests.clear()
    info = api.upload_folder(repo_id=REPO, folder_path=folder, commit_message="all of it")
    first, second = hub.repos[REPO].commits
    assert (info.oid, second.parent, second.message) == (second.id, first.id, "all of it")
    assert info.repo_url.repo_id == REPO
    assert hub.files(REPO) == first.files | FILES
    assert second.lfs == {"model.safetensors"}
    upload = f"{REPO}/{sha256(FILES['model.safetensors'])}/{len(FILES['model.safetensors'])}"
    assert hub.requests == [
        "POST /api/validate-yaml", "POST /api/validate-yaml", f"POST /api/models/{REPO}/preupload/main",
        f"POST /{REPO}.git/info/lfs/objects/batch", f"PUT /storage/{upload}", f"POST /{REPO}.git/info/lfs/verify",
        f"POST /api/models/{REPO}/commit/main"]


def test_what_is_there_is_not_sent_again(hub, api, folder):
    hub.add(REPO, FILES)
    hub.requests.clear()
    head = api.repo_info(REPO).sha
    assert api.upload_folder(repo_id=REPO, folder_path=folder).oid == head  # the client makes no empty commit
    assert not any("commit" in request or "PUT" in request for request in hub.requests)
    (folder / "config.json").write_text('{"new": 1}')
    info = api.upload_folder(repo_id=REPO, folder_path=folder)
    assert hub.repos[REPO].commits[-1].id == info.oid != head
    assert not any("PUT" in request for request in hub.requests)


def test_ignored_and_large_files(hub, api):
    hub.add(REPO, {".gitignore": b"# not for\n*.log\nruns/\n"})
    api.create_commit(REPO, commit_message="m", operations=[
        CommitOperationAdd("large.txt", b"x" * (LARGE + 1)), CommitOperationAdd("large.png", bytes(LARGE_BINARY + 1)),
        CommitOperationAdd("small.png", bytes(9)), CommitOperationAdd("empty.bin", b""),
        CommitOperationAdd("a.log", b"x"), CommitOperationAdd("runs/b.txt", b"x")])
    assert hub.files(REPO).keys() == {".gitattributes", ".gitignore", "large.txt", "large.png", "small.png",
                                      "empty.bin"}
    assert hub.repos[REPO].commits[-1].lfs == {"large.txt", "large.png"}


def test_same_content_same_commits(api, hub):
    with HubServer() as other:
        assert hub.add(REPO, FILES) == other.add(REPO, FILES)


def test_download(hub, fetch):
    old = hub.add(REPO, FILES)
    new = hub.add(REPO, {"config.json": b"new"})
    assert fetch() == fetch(revision=new) == b"new"
    assert fetch(revision=old) == FILES["config.json"]
    for name, content in FILES.items():
        assert fetch(name, revision=old) == content
    hub.requests.clear()
    assert fetch("model.safetensors", revision=old) == FILES["model.safetensors"]
    assert not hub.requests  # pinned and cached
    fetch()
    assert hub.requests == [f"HEAD /{REPO}/resolve/main/config.json"]  # a branch is looked up, and had not moved


def test_snapshot(hub, tmp_path):
    hub.add(REPO, FILES)
    path = Path(snapshot_download(REPO, endpoint=hub.url, token=False, cache_dir=tmp_path, max_workers=4))
    for name, content in FILES.items():
        assert (path / name).read_bytes() == content
    assert path.name == hub.repos[REPO].branches["main"]


def test_refs_and_listings(hub, api, fetch):
    first = hub.add(REPO, FILES)
    api.create_tag(REPO, tag="v1")
    api.create_branch(REPO, branch="try/out", revision="v1")
    second = api.upload_file(repo_id=REPO, path_or_fileobj=b"2", path_in_repo="config.json", revision="try/out").oid
    refs = api.list_repo_refs(REPO)
    assert {ref.ref: ref.target_commit for ref in refs.branches + refs.tags} == {
        "refs/heads/main": first, "refs/heads/try/out": second, "refs/tags/v1": first}
    assert (fetch(revision="v1"), fetch(revision="try/out")) == (b"{}\n", b"2")
    for again in (lambda: api.create_tag(REPO, tag="v1"), lambda: api.create_branch(REPO, branch="main")):
        with pytest.raises(errors.HfHubHTTPError, match="409"):
            again()
    assert api.repo_info(REPO, revision="v1").sha == first
    weights, = api.get_paths_info(REPO, ["model.safetensors", "missing"])
    assert weights.lfs.sha256 == sha256(FILES["model.safetensors"])
    assert api.delete_file("config.json", REPO).oid == api.repo_info(REPO).sha
    assert "config.json" not in api.list_repo_files(REPO)


# ---- what is refused ------------------------------------------------------------------------------------------------

def test_private(hub, api, fetch):
    api.create_repo(REPO, private=True)
    hub.add(REPO, FILES)
    assert fetch(token=hub.token) == fetch(token=hub.read_token) == FILES["config.json"]
    for token, status in ((False, 401), (hub.stranger_token, 404)):
        with pytest.raises(errors.RepositoryNotFoundError) as refused:
            fetch("README.md", token=token)
        assert refused.value.response.status_code == status
    with pytest.raises(errors.HfHubHTTPError, match="Invalid credentials") as refused:
        fetch("README.md", token="hf_wrong")
    assert not isinstance(refused.value, errors.RepositoryNotFoundError)


def test_gated(hub, fetch):
    hub.add(REPO, FILES)
    hub.repos[REPO].gated = True
    assert HfApi(endpoint=hub.url, token=False).repo_info(REPO).gated == "manual"
    with pytest.raises(errors.GatedRepoError):
        fetch()
    assert fetch(token=hub.token) == FILES["config.json"]


@pytest.mark.parametrize(("token", "status"), [(False, 401), ("hf_wrong", 401), ("read_token", 403),
                                               ("stranger_token", 403)])
def test_no_permission_to_write(hub, token, status):
    hub.add(REPO, FILES)
    api = HfApi(endpoint=hub.url, token=getattr(hub, str(token), token))
    for write in (lambda: api.create_repo("org/another"), lambda: api.create_tag(REPO, tag="v1"),
                  lambda: api.upload_file(repo_id=REPO, path_or_fileobj=b"", path_in_repo="x.txt")):
        with pytest.raises(errors.HfHubHTTPError) as refused:
            write()
        assert refused.value.response.status_code == status
    assert len(hub.repos) == 1
    assert len(hub.repos[REPO].commits) == 2


def test_missing(hub, api, fetch):
    commit = hub.add(REPO, FILES)
    with pytest.raises(errors.RepositoryNotFoundError, match="404"):
        fetch(repo="org/none", token=hub.token)
    with pytest.raises(errors.RepositoryNotFoundError, match="401"):
        fetch(repo="gpt2")
    with pytest.raises(errors.RevisionNotFoundError):
        fetch(revision="none")
    with pytest.raises(errors.RemoteEntryNotFoundError) as refused:
        fetch("none.json")
    assert refused.value.response.headers["X-Repo-Commit"] == commit
    with pytest.raises(errors.RevisionNotFoundError):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"", path_in_repo="x.txt", revision="none")
    with pytest.raises(errors.RepositoryNotFoundError):
        api.upload_file(repo_id="org/none", path_or_fileobj=b"", path_in_repo="x.txt")


@pytest.mark.parametrize("card", ["---\n- a list\n---\n", "---\na: [\n---\n", "---\ntags: gan\n---\n",
                                  "---\nlicense: Apache 2.0\n---\n", "---\nmodel-index:\n- name: x\n---\n"])
def test_wrong_card(hub, api, card):
    api.create_repo(REPO)
    with pytest.raises(ValueError, match="Invalid metadata in README.md"):
        api.upload_file(repo_id=REPO, path_or_fileobj=card.encode(), path_in_repo="README.md")
    content = base64.b64encode(card.encode()).decode()
    file = {"key": "file", "value": {"path": "README.md", "content": content, "encoding": "base64"}}
    status, text = commit(hub, file)
    assert (status, "Invalid metadata" in text) == (400, True)


def test_card_without_metadata(hub, api):
    api.create_repo(REPO)
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"# Title\n", path_in_repo="README.md")


def test_file_changed_during_upload(hub, api, tmp_path):
    api.create_repo(REPO)
    (tmp_path / "model.safetensors").write_bytes(b"before")
    operation = CommitOperationAdd("model.safetensors", tmp_path / "model.safetensors")
    assert operation.upload_info.sha256.hex() == sha256(b"before")
    (tmp_path / "model.safetensors").write_bytes(b"after!")
    with pytest.raises(RuntimeError, match="Error while uploading") as refused:
        api.create_commit(REPO, [operation], commit_message="m")
    assert "is not the 6 bytes" in str(refused.value.__cause__)
    assert (len(hub.repos[REPO].commits), hub.repos[REPO].objects) == (1, {})


def test_parent_commit(hub, api):
    old, new = hub.add(REPO, FILES), hub.add(REPO, {"config.json": b"new"})
    upload = {"repo_id": REPO, "path_or_fileobj": b"mine", "path_in_repo": "config.json"}
    with pytest.raises(errors.HfHubHTTPError, match="A commit has happened since") as refused:
        api.upload_file(**upload, parent_commit=old)
    assert refused.value.response.status_code == 412
    assert hub.files(REPO)["config.json"] == b"new"
    api.upload_file(**upload, parent_commit=new)
    assert hub.files(REPO)["config.json"] == b"mine"


HEADER = {"key": "header", "value": {"summary": "m"}}
POINTER = {"algo": "sha256", "path": "a.bin", "oid": sha256(b"never uploaded"), "size": 14}


def commit(hub, *lines):
    return post(hub, f"/api/models/{REPO}/commit/main", b"\n".join(json.dumps(line).encode() for line in
                                                                  (HEADER, *lines)))


@pytest.mark.parametrize("line", [
    {"key": "file", "value": {"path": "a.txt", "content": "no base64!", "encoding": "base64"}},
    {"key": "file", "value": {"path": "a.txt", "content": "text", "encoding": "utf-8"}},
    {"key": "file", "value": {"path": "../a.txt", "content": "", "encoding": "base64"}},
    {"key": "file", "value": {"path": "/a.txt", "content": "", "encoding": "base64"}},
    {"key": "file", "value": {"path": "b/../a.txt", "content": "", "encoding": "base64"}},
    {"key": "lfsFile", "value": POINTER}, {"key": "file"}, "a string", HEADER["value"]])
def test_malformed_commit(hub, line):
    hub.add(REPO, FILES)
    good = {"key": "file", "value": {"path": "good.txt", "content": "", "encoding": "base64"}}
    assert commit(hub, good, line)[0] == 400
    assert hub.files(REPO).keys() - FILES.keys() == {".gitattributes"}  # nor is a part of it there


def test_malformed_requests(hub):
    hub.add(REPO, FILES)
    repo, digest = f"/api/models/{REPO}", POINTER["oid"]
    file = {"path": "../x", "size": 1, "sample": ""}
    batch = {"operation": "upload", "hash_algo": "sha256", "objects": [{"oid": "zz", "size": 1}]}
    assert post(hub, f"{repo}/commit/main", b"{no json")[0] == 400
    assert post(hub, f"{repo}/commit/main", b"")[0] == 400
    assert post(hub, f"{repo}/preupload/main", {"files": [file]})[0] == 400
    assert post(hub, f"{repo}/tag/main", {"tag": "a..b"})[0] == 400
    assert post(hub, f"/{REPO}.git/info/lfs/objects/batch", batch)[0] == 422
    assert post(hub, f"/{REPO}.git/info/lfs/verify", {"oid": digest, "size": 0})[0] == 422
    assert post(hub, f"/storage/{REPO}/{digest}/14?signature=no", b"", token=False, method="PUT")[0] == 403
    assert len(hub.repos[REPO].commits) == 2


def test_unknown_endpoint(hub):
    assert post(hub, "/api/unknown", b"")[0] == 501
    assert hub.unexpected == hub.requests == ["POST /api/unknown"]
    hub.unexpected.clear()


# ---- a Hub in trouble -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("status", "headers", "waits"), [
    (500, {}, [1, 2]), (503, {"Retry-After": "7"}, [8, 8]), (429, {"Retry-After": "30"}, [31, 31])])
def test_upload_is_tried_again(hub, api, naps, status, headers, waits):
    hub.add(REPO, FILES)
    hub.fail("POST", "/preupload/", status, times=2, headers=headers)
    api.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="x.txt")
    assert hub.files(REPO)["x.txt"] == b"x"
    assert naps == waits  # a second more than Retry-After says


def test_creation_and_commit_are_tried_once(hub, api, naps):
    hub.add(REPO, FILES)
    hub.fail("POST", "/api/repos/create|/commit/main", 503, times=2)
    for write in (lambda: api.create_repo("org/another"),
                  lambda: api.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="x.txt")):
        with pytest.raises(errors.HfHubHTTPError, match="503"):
            write()
    assert not naps
    assert hub.files(REPO).keys() - FILES.keys() == {".gitattributes"}


def test_download_is_tried_again(hub, fetch, naps):
    hub.add(REPO, FILES)
    hub.fail("HEAD", "config.json", 500, times=3)  # a first try for a quick way into the cache, then two of six
    hub.fail("GET", "config.json", 429, headers={"Retry-After": "3"})
    assert fetch() == FILES["config.json"]
    assert naps == [1, 2, 4]
    hub.fail("HEAD", "config.json", 500)
    assert fetch() == FILES["config.json"]  # from the cache, without a second try
    assert naps == [1, 2, 4]


def test_download_given_up(hub, fetch, naps):
    hub.add(REPO, FILES)
    hub.fail("GET", "config.json", 500)  # for the body, only 408 and 429 are tried again
    with pytest.raises(errors.HfHubHTTPError, match="500"):
        fetch()
    hub.fail("HEAD", "config.json", 503, times=7)
    with pytest.raises(errors.LocalEntryNotFoundError):
        fetch()
    assert naps == [1, 2, 4, 8, 8]
    assert fetch() == FILES["config.json"]


@pytest.mark.parametrize(("chunk", "status"), [(1000, 206), (10_000_000, 200)])
def test_broken_connection(hub, fetch, naps, monkeypatch, chunk, status):
    """The client resumes after the last whole chunk that it got, of 10 MiB unless told otherwise."""
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", chunk)
    hub.add(REPO, FILES)
    hub.cut("safetensors", 5500, times=1)
    assert fetch("model.safetensors") == FILES["model.safetensors"]
    address = f"/{REPO}/resolve/main/model.safetensors"
    assert hub.answers == [f"200 HEAD {address}", f"200 GET {address}", f"{status} GET {address}"]
    assert naps == [1]


def test_range(hub):
    hub.add(REPO, {"digits": b"0123456789"})
    for asked, status, expected in (("bytes=2-4", 206, b"234"), ("bytes=7-", 206, b"789"), ("bytes=10-", 416, None)):
        reply = get_session().get(f"{hub.url}/{REPO}/resolve/main/digits", headers={"Range": asked})
        assert reply.status_code == status
        assert expected in (None, reply.content)


def test_stops(hub):
    with HubServer() as other:
        assert get_session().get(f"{other.url}/api/whoami-v2").status_code == 401
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(other.url.rpartition(":")[2])), timeout=5)


def test_whoami(api):
    account = api.whoami()
    assert (account["name"], [org["name"] for org in account["orgs"]]) == ("tester", ["org"])

"""A small, strict stand-in for the Hugging Face Hub, in memory, for tests with the genuine huggingface_hub client.

It speaks the part of the Hub's HTTP interface that publishing, fetching and pinning a model takes, without Xet, and
refuses what the Hub refuses, with the Hub's statuses and ``X-Error-Code``: a lenient double would let a wrong upload
pass. A request that it does not know, or that it fails at, is answered with 501, which no client retries, and noted
in ``HubServer.unexpected``.

Departures from the Hub, each because of the client: LFS objects come from their file's own address, where the Hub
redirects to another host (on one host the client follows the redirect and loses the headers of what redirected); a
missing token for a repository is told by ``X-Error-Code: RepoNotFound`` (the client knows the bare 401 only from https
addresses). And a card's metadata are held to their shape, not to the Hub's lists of permitted words.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml

LARGE, LARGE_BINARY = 10 * 2**20, 2**20  # bytes; above, the Hub takes a file as an LFS object only
GITATTRIBUTES = b"".join(b"*.%b filter=lfs diff=lfs merge=lfs -text\n" % suffix for suffix in (
    b"bin", b"ckpt", b"gz", b"h5", b"npy", b"npz", b"onnx", b"pkl", b"pt", b"pth", b"safetensors", b"tar", b"zip"))
"""With which a model begins; the Hub's has more formats."""


# ---- what is stored -------------------------------------------------------------------------------------------------

@dataclass
class Commit:
    """A commit with the whole content of its files."""

    id: str
    parent: str | None
    message: str
    files: dict[str, bytes]
    lfs: set[str]  # those of the files that are LFS objects

    def oid(self, path: str) -> str:
        """By which the Hub compares a file: its ETag, and what tells the client that it need not send it again."""
        return sha256(self.files[path]) if path in self.lfs else git_oid(self.files[path])

    def entry(self, path: str) -> dict[str, Any]:
        """A file as listings show it: an LFS object under the id of the pointer that git holds in its place."""
        content = self.files[path]
        entry = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
        if path in self.lfs:
            pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize %d\n" % (
                sha256(content).encode(), len(content))
            entry["oid"] = git_oid(pointer)
            entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": len(pointer)}
        return entry


@dataclass
class Repo:
    """A model repository."""

    private: bool = False
    gated: bool = False  # all may see that it is there, but only members of its namespace get files
    commits: list[Commit] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)  # name -> id of its newest commit
    tags: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)  # uploaded LFS objects by SHA-256

    def at(self, revision: str, branch_only: bool = False) -> Commit:
        """The commit that a branch, a tag or a full hash names."""
        found = self.branches.get(revision) or (None if branch_only else self.tags.get(revision, revision))
        for commit in self.commits:
            if commit.id == found:
                return commit
        raise Reply.refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()


def signature(*what: object) -> str:
    return hmac.new(b"storage", repr(what).encode(), "sha256").hexdigest()


def matches(path: str, patterns: list[str]) -> bool:
    """Whether a pattern of .gitignore or .gitattributes names a path, one of its folders, or a part of it."""
    parts = path.split("/")
    names = {*parts, *("/".join(parts[:i + 1]) for i in range(len(parts)))}
    return any(fnmatchcase(name, pattern.strip("/")) for pattern in patterns for name in names)


def is_large(head: Commit, path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub takes a file as an LFS object: by its size, if it looks binary, or by .gitattributes."""
    lines = head.files[".gitattributes"].decode().splitlines() if ".gitattributes" in head.files else []
    return (size > (LARGE_BINARY if b"\0" in sample else LARGE)
            or matches(path, [line.split()[0] for line in lines if "filter=lfs" in line]))


def checked_path(path: Any) -> str:
    if not isinstance(path, str) or {"", ".", "..", ".git"} & set(path.split("/")):
        raise Reply.refusal(400, f"Invalid path: {path!r}")
    return path


def card_problems(text: str) -> dict[str, list[dict[str, str]]]:
    """What is wrong with the metadata of a card, https://huggingface.co/docs/hub/model-cards."""
    block = re.match(r"\s*---[\r\n]+(.*?)[\r\n]+---(\r?\n|$)", text, re.DOTALL)
    errors, warnings = [], []
    try:
        card = yaml.safe_load(block[1]) if block else None
        if card is None:
            warnings.append("empty or missing yaml metadata in repo card")
        elif not isinstance(card, dict):
            errors.append("metadata must be a mapping")
        else:
            errors += [f'"{key}" must be a string' for key in ("library_name", "pipeline_tag", "license")
                       if not isinstance(card.get(key, ""), str)]
            errors += [f'"{key}" must be an array' for key in ("tags", "model-index")
                       if not isinstance(card.get(key, []), list)]
            if not errors and not re.fullmatch(r"[a-z0-9.+-]*", card.get("license", "")):
                errors.append('"license" must be an identifier such as apache-2.0')
            results = [result for model in card.get("model-index", []) for result in model["results"]]
            needed = [(*(result["task"], result["dataset"], *result["metrics"]),) for result in results]
            if not all("type" in part for parts in needed for part in parts):
                errors.append('"model-index" needs the types of tasks, data sets and metrics')
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        errors.append(f"malformed metadata: {error!r}")
    return {"errors": [{"message": one} for one in errors], "warnings": [{"message": one} for one in warnings]}


# ---- requests and replies -------------------------------------------------------------------------------------------

class Reply(Exception):  # noqa: N818
    """What goes out. It may be raised from anywhere in the server."""

    def __init__(self, status: int, body: Any = b"", headers: dict[str, str] | None = None, sent: int | None = None,
                 stalls: bool = False):
        """Of a body in bytes, or of what becomes JSON; after ``sent`` bytes of it the connection breaks.

        A reply that stalls never ends: nothing comes, or nothing more than ``sent`` bytes of the body.
        """
        super().__init__(status)
        self.status, self.headers, self.sent, self.stalls = status, headers or {}, sent, stalls
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    @classmethod
    def refusal(cls, status: int, message: str, code: str = "", headers: dict[str, str] | None = None,
                **more: Any) -> "Reply":
        """An error as the Hub tells it: in the body, and in headers, all that a HEAD request gets to see."""
        message = " ".join(message.encode("ascii", "replace").decode().split())
        return cls(status, {"error": message} | more, {"X-Error-Message": message}
                   | ({"X-Error-Code": code} if code else {}) | (headers or {}))


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Any  # a mapping in which case does not matter
    body: bytes
    namespaces: tuple[str, ...] = ()  # of which the token makes a member; none without a token
    may_write: bool = False

    def json(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.body))
        except (ValueError, TypeError) as error:
            raise Reply.refusal(400, f"Malformed JSON: {error}") from error


ROUTES: list[tuple[list[str], re.Pattern[str], Callable[..., Reply]]] = []
PARTS = {"{repo}": "([^/]+/[^/]+)", "{any}": "((?:[^/]+/)?[^/]+)", "{rev}": "([^/]+)", "{path}": "(.+)"}


def route(methods: str, pattern: str) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    """Enters a method of HubServer for requests to paths of a pattern, whose parts it gets unquoted."""
    for part, expression in PARTS.items():
        pattern = pattern.replace(part, expression)

    def enter(method: Callable[..., Reply]) -> Callable[..., Reply]:
        ROUTES.append((methods.split(), re.compile(pattern), method))
        return method

    return enter


class HubServer:
    """The server, on a free port of 127.0.0.1 for as long as its context lasts.

    Attributes:
        url: endpoint for the client.
        token: of a user, who may write to the namespaces of itself and of ``orgs``.
        read_token: of the same user, but only for reading.
        stranger_token: of another user, called stranger.
        repos: what is stored, by ``namespace/name``.
        served: path in a repository -> bytes that are sent in place of its content.
        tags: commit and path -> an ETag in place of the right one.
        requests: ``METHOD /path`` of every request, without its query.
        answers: the same with the status, such as ``206 GET /path``, in the order of answering.
        unexpected: requests without an endpoint, and those at which the server failed, with the traceback.
    """

    token, read_token, stranger_token = "hf_write", "hf_read", "hf_stranger"

    def __init__(self, user: str = "tester", orgs: tuple[str, ...] = ("org",), commit_hash: str = "sha1"):
        self._accounts = {self.token: ((user, *orgs), True), self.read_token: ((user, *orgs), False),
                          self.stranger_token: (("stranger",), True)}
        self.repos: dict[str, Repo] = {}
        self.requests: list[str] = []
        self.answers: list[str] = []
        self.unexpected: list[str] = []
        self.served: dict[str, bytes] = {}  # path in a repository -> what is sent in place of its content
        self.tags: dict[tuple[str, str], str] = {}  # commit and path -> the ETag that is told in place of the right one
        self._commit_hash = commit_hash  # of hashlib: other servers have commit ids of 64 digits
        self._failures: list[list[Any]] = []  # [times left, methods, path, reply]
        self._cuts: list[list[Any]] = []  # [times left, path, bytes, whether it stalls]
        self._losses: list[list[Any]] = []  # [times left, methods, path]
        self._closing = threading.Event()
        self._lock = threading.RLock()  # one request is worked on at a time; bodies are read and sent in parallel

    def __enter__(self) -> "HubServer":
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.answer, self._http.closing = self.answer, self._closing
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()  # waits for the threads of requests, too

    # ---- for tests

    def fail(self, method: str, path_regex: str, status: int, times: int = 1,
             headers: dict[str, str] | None = None) -> None:
        """Answers the next ``times`` requests with a status, before anything else is looked at.

        Args:
            method: a regular expression for the whole method, such as ``HEAD|GET``.
            path_regex: one for any part of the path, as it is in ``requests``.
            status: of the replies.
            times: how often.
            headers: of the replies, such as Retry-After.
        """
        reply = Reply.refusal(status, f"Injected failure {status}", headers=headers)
        self._failures.append([times, re.compile(method), re.compile(path_regex), reply])

    def hang(self, method: str, path_regex: str, times: int = 1) -> None:
        """Never answers the next ``times`` requests. Arguments as of ``fail``."""
        self._failures.append([times, re.compile(method), re.compile(path_regex), Reply(200, stalls=True, sent=-1)])

    def portal(self, method: str, path_regex: str, times: int = 1) -> None:
        """Answers the next ``times`` requests with a page, as a network does that wants a login first."""
        reply = Reply(200, b"<html>Log in</html>", {"Content-Type": "text/html"})
        self._failures.append([times, re.compile(method), re.compile(path_regex), reply])

    def lose(self, method: str, path_regex: str, times: int = 1) -> None:
        """Does what the next ``times`` requests ask for, but breaks the connection in place of an answer."""
        self._losses.append([times, re.compile(method), re.compile(path_regex)])

    def cut(self, path_regex: str, after_bytes: int, times: int = 1, stalls: bool = False) -> None:
        """Breaks the connection of the next ``times`` downloads of a file after some bytes of the body, or stalls."""
        self._cuts.append([times, re.compile(path_regex), after_bytes, stalls])

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        """All that a commit holds, with the .gitattributes that the Hub begins a repository with."""
        return dict(self.repos[repo].at(revision).files)

    def add(self, repo: str, files: dict[str, bytes], private: bool = False) -> str:
        """Commits files to main without a request, the repository made if need be; returns the commit's id."""
        with self._lock:
            if repo not in self.repos:
                self._new_repo(repo, private)
            head = self.repos[repo].at("main")
            large = {path for path, content in files.items() if is_large(head, path, len(content), content[:512])}
            self.repos[repo].objects |= {sha256(files[path]): files[path] for path in large}
            return self._commit(repo, "main", "files", head.files | files, head.lfs - set(files) | large).id

    # ---- in front of the endpoints

    def answer(self, request: Request) -> Reply:
        """A request's reply, noted."""
        with self._lock:
            name = f"{request.method} {request.path}"
            self.requests.append(name)
            try:
                reply = self._dispatch(request)
            except Reply as refusal:
                reply = refusal
            except Exception:
                self.unexpected.append(f"{name}\n{traceback.format_exc()}")
                reply = Reply.refusal(501, "The server failed")
            self.answers.append(f"{reply.status} {name}")
            for rule in self._losses:
                if rule[0] > 0 and rule[1].fullmatch(request.method) and rule[2].search(request.path):
                    rule[0] -= 1
                    return Reply(reply.status, sent=-1)
            return reply

    def _dispatch(self, request: Request) -> Reply:
        for rule in self._failures:
            times, methods, path, reply = rule
            if times > 0 and methods.fullmatch(request.method) and path.search(request.path):
                rule[0] -= 1
                return reply
        for methods, pattern, endpoint in ROUTES:
            found = pattern.fullmatch(request.path)
            if found and request.method in methods and "create_pr" not in request.query:
                given = request.headers.get("Authorization")
                if given is not None:
                    if given.removeprefix("Bearer ") not in self._accounts:  # refused even what is public
                        raise Reply.refusal(401, "Invalid credentials in Authorization header")
                    request.namespaces, request.may_write = self._accounts[given.removeprefix("Bearer ")]
                return endpoint(self, request, *map(unquote, found.groups()))
        self.unexpected.append(f"{request.method} {request.path}")
        raise Reply.refusal(501, f"No such endpoint: {request.method} {request.path}")

    def _repo(self, request: Request, name: str, write: bool = False, files: bool = False) -> Repo:
        """A repository, if the token allows that with it. Who may not see it does not learn that it is there."""
        repo, member = self.repos.get(name), name.split("/")[0] in request.namespaces
        if not request.namespaces and (repo is None or repo.private or write):
            raise Reply.refusal(401, "Invalid username or password.", "RepoNotFound")
        if repo is None or (repo.private and not member):
            raise Reply.refusal(404, "Repository not found", "RepoNotFound")
        if write and not (member and request.may_write):
            raise Reply.refusal(403, "You don't have the rights to write to this repository")
        if files and repo.gated and not member:
            raise Reply.refusal(403 if request.namespaces else 401, f"Access to {name} is restricted.", "GatedRepo")
        return repo

    def _new_repo(self, name: str, private: bool) -> None:
        self.repos[name] = Repo(private)
        self._commit(name, "main", "initial commit", {".gitattributes": GITATTRIBUTES}, set())

    def _commit(self, name: str, branch: str, message: str, files: dict[str, bytes], lfs: set[str]) -> Commit:
        repo = self.repos[name]
        parent = repo.branches.get(branch)
        facts = [name, len(repo.commits), parent, message, {path: git_oid(files[path]) for path in sorted(files)}]
        commit = Commit(hashlib.new(self._commit_hash, json.dumps(facts).encode()).hexdigest(), parent, message, files,
                        lfs)
        repo.commits.append(commit)
        repo.branches[branch] = commit.id
        return commit

    # ---- the endpoints: accounts and repositories

    @route("GET", "/api/whoami-v2")
    def _whoami(self, request: Request) -> Reply:
        if not request.namespaces:
            raise Reply.refusal(401, "Invalid username or password.")
        user, *orgs = request.namespaces
        access = {"displayName": "test", "role": "write" if request.may_write else "read"}
        return Reply(200, {"type": "user", "name": user, "orgs": [{"type": "org", "name": org} for org in orgs],
                           "auth": {"type": "access_token", "accessToken": access}})

    @route("GET", "/api/agent-harnesses")
    def _agent_harnesses(self, request: Request) -> Reply:
        """For which the client asks once a process, to tell in its User-Agent which agent runs it."""
        return Reply(200, {"standardEnvVars": [], "harnesses": {}})

    @route("POST", "/api/repos/create")
    def _create(self, request: Request) -> Reply:
        wanted = request.json()
        if not request.namespaces:
            raise Reply.refusal(401, "Invalid username or password.")
        namespace, name = wanted.get("organization") or request.namespaces[0], str(wanted.get("name"))
        private = {"public": False, "private": True}.get(wanted.get("visibility", "public"))
        if wanted.get("type", "model") != "model" or private is None:
            raise Reply.refusal(400, "Only public and private models are known here")
        if not re.fullmatch(r"(?!.*(--|\.\.))\w([\w.-]{0,94}\w)?", name):
            raise Reply.refusal(400, f"Invalid repository name: {name}")
        if namespace not in request.namespaces or not request.may_write:
            raise Reply.refusal(403, f"You don't have the rights to create a model under the namespace {namespace!r}")
        repo = f"{namespace}/{name}"
        if repo in self.repos:
            raise Reply.refusal(409, "You already created this model repo", url=f"{self.url}/{repo}")
        self._new_repo(repo, private)
        return Reply(200, {"url": f"{self.url}/{repo}", "name": repo})

    @route("DELETE", "/api/repos/delete")
    def _delete(self, request: Request) -> Reply:
        wanted = request.json()
        namespace = wanted.get("organization") or (request.namespaces or ("",))[0]
        name = f"{namespace}/{wanted.get('name')}"
        self._repo(request, name, write=True)
        del self.repos[name]
        return Reply(200)

    @route("GET", "/api/models/{repo}/refs")
    def _refs(self, request: Request, name: str) -> Reply:
        repo = self._repo(request, name)
        return Reply(200, {"converts": [], "pullRequests": []} | {
            key: [{"name": ref, "ref": f"refs/{folder}/{ref}", "targetCommit": target} for ref, target in refs.items()]
            for key, folder, refs in (("branches", "heads", repo.branches), ("tags", "tags", repo.tags))})

    @route("GET", "/api/models/{any}")
    @route("GET", "/api/models/{any}/revision/{rev}")
    def _info(self, request: Request, name: str, revision: str = "main") -> Reply:
        repo = self._repo(request, name)
        commit, date = repo.at(revision), "2024-01-01T00:00:00.000Z"
        if request.query:
            raise NotImplementedError("more, or less, about a repository than is asked for by default")
        return Reply(200, {"id": name, "author": name.split("/")[0], "sha": commit.id, "private": repo.private,
                           "gated": repo.gated and "manual", "tags": [], "createdAt": date, "lastModified": date,
                           "siblings": [{"rfilename": path} for path in sorted(commit.files)]})

    @route("POST", "/api/models/{repo}/tag/{rev}")
    def _tag(self, request: Request, name: str, revision: str) -> Reply:
        repo = self._repo(request, name, write=True)
        return self._new_ref(repo.tags, request.json().get("tag"), repo.at(revision))

    @route("POST", "/api/models/{repo}/branch/{rev}")
    def _branch(self, request: Request, name: str, branch: str) -> Reply:
        repo = self._repo(request, name, write=True)
        return self._new_ref(repo.branches, branch, repo.at(request.json().get("startingPoint", "main")))

    @staticmethod
    def _new_ref(refs: dict[str, str], name: Any, commit: Commit) -> Reply:
        if not re.fullmatch(r"(?!refs/|.*\.\.)\w[\w./-]*", str(name)):
            raise Reply.refusal(400, f"Invalid reference: {name}")
        if name in refs:
            raise Reply.refusal(409, f"Reference already exists: {name}")
        refs[name] = commit.id
        return Reply(200, {})

    # ---- the endpoints: reading

    @route("GET HEAD", "/{any}/resolve/{rev}/{path}")
    def _resolve(self, request: Request, name: str, revision: str, path: str) -> Reply:
        commit = self._repo(request, name, files=True).at(revision)
        headers = {"X-Repo-Commit": commit.id}
        if path not in commit.files:
            raise Reply.refusal(404, "Entry not found", "EntryNotFound", headers)  # the client notes which commit
        content = self.served.get(path, commit.files[path])
        etag = f'"{self.tags.get((commit.id, path), commit.oid(path))}"'
        headers |= {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if path in commit.lfs:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(len(content))}
        status, size = 200, len(content)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
            if first > last:
                raise Reply.refusal(416, "Range not satisfiable", headers={"Content-Range": f"bytes */{size}"})
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
            status, content = 206, content[first:last + 1]
        for rule in self._cuts:
            if rule[0] > 0 and request.method == "GET" and rule[1].search(request.path):
                rule[0] -= 1
                return Reply(status, content, headers, sent=rule[2], stalls=rule[3])
        return Reply(status, content, headers)

    @route("GET", "/api/models/{repo}/tree/{rev}")
    def _tree(self, request: Request, name: str, revision: str) -> Reply:
        commit = self._repo(request, name).at(revision)
        if request.query.get("recursive") != ["true"] or request.query.get("expand", ["false"]) != ["false"]:
            raise NotImplementedError("a tree with anything but its files")
        return Reply(200, [commit.entry(path) for path in sorted(commit.files)])

    @route("POST", "/api/models/{repo}/paths-info/{rev}")
    def _paths_info(self, request: Request, name: str, revision: str) -> Reply:
        commit = self._repo(request, name).at(revision)
        paths = parse_qs(request.body.decode()).get("paths", [])
        return Reply(200, [commit.entry(path) for path in paths if path in commit.files])

    # ---- the endpoints: writing, in the order in which an upload uses them

    @route("POST", "/api/validate-yaml")
    def _validate_yaml(self, request: Request) -> Reply:
        problems = card_problems(str(request.json().get("content")))
        return Reply(400 if problems["errors"] else 200, problems)

    @route("POST", "/api/models/{repo}/preupload/{rev}")
    def _preupload(self, request: Request, name: str, branch: str) -> Reply:
        """How each file is to be sent, whether it is to be ignored, and the oid of the file that it would replace."""
        head = self._repo(request, name, write=True).at(branch, branch_only=True)
        wanted, files = request.json(), []
        lines = wanted.get("gitIgnore", head.files.get(".gitignore", b"").decode()).splitlines()
        ignored = [line.strip() for line in lines if not line.startswith("#")]
        try:
            for file in wanted["files"]:
                path, sample = checked_path(file["path"]), base64.b64decode(file["sample"], validate=True)
                mode = "lfs" if is_large(head, path, file["size"], sample) else "regular"
                files.append({"path": path, "uploadMode": mode, "shouldIgnore": matches(path, ignored)}
                             | ({"oid": head.oid(path)} if path in head.files else {}))
        except (KeyError, TypeError, ValueError) as error:
            raise Reply.refusal(400, f"Malformed list of files: {error!r}") from error
        return Reply(200, {"files": files, "commitOid": head.id})

    @route("POST", r"/{repo}\.git/info/lfs/objects/batch")
    def _lfs_batch(self, request: Request, name: str) -> Reply:
        repo, wanted, objects = self._repo(request, name, write=True), request.json(), []
        repo.at(wanted.get("ref", {}).get("name", "main"), branch_only=True)
        if (wanted.get("operation"), wanted.get("hash_algo")) != ("upload", "sha256") or \
                "basic" not in wanted.get("transfers", ["basic"]):
            raise Reply.refusal(422, "Only the basic transfer with SHA-256 is known here")
        for wish in wanted.get("objects", []):
            oid, size = str(wish.get("oid")), wish.get("size")
            if not re.fullmatch("[0-9a-f]{64}", oid) or not isinstance(size, int) or size < 0:
                raise Reply.refusal(422, f"Malformed object: {wish}")
            there = f"{self.url}/storage/{name}/{oid}/{size}?signature={signature(name, oid, size)}"
            actions = {"upload": {"href": there}, "verify": {"href": f"{self.url}/{name}.git/info/lfs/verify"}}
            objects.append({"oid": oid, "size": size} | ({} if oid in repo.objects else {"actions": actions}))
        return Reply(200, {"transfer": "basic", "objects": objects})

    @route("PUT", r"/storage/{repo}/([0-9a-f]{64})/(\d+)")
    def _lfs_put(self, request: Request, name: str, oid: str, size: str) -> Reply:
        """The storage behind the Hub: it goes by a signature, never by a token, and takes only what was announced."""
        if request.query.get("signature") != [signature(name, oid, int(size))]:
            raise Reply.refusal(403, "The request signature does not match")
        if "Authorization" in request.headers:
            raise Reply.refusal(400, "Only one way of authentication is allowed")
        if "Content-Length" not in request.headers:
            raise Reply.refusal(411, "You must provide the Content-Length header")
        if len(request.body) != int(size) or sha256(request.body) != oid:
            raise Reply.refusal(400, f"The content is not the {size} bytes of SHA-256 {oid}")
        self.repos[name].objects[oid] = request.body
        return Reply(200)

    @route("POST", r"/{repo}\.git/info/lfs/verify")
    def _lfs_verify(self, request: Request, name: str) -> Reply:
        repo, claim = self._repo(request, name, write=True), request.json()
        if claim.get("oid") not in repo.objects or len(repo.objects[claim["oid"]]) != claim.get("size"):
            raise Reply.refusal(422, f"No such object: {claim}")
        return Reply(200, {})

    @route("POST", "/api/models/{repo}/commit/{rev}")
    def _post_commit(self, request: Request, name: str, branch: str) -> Reply:
        repo = self._repo(request, name, write=True)
        head = repo.at(branch, branch_only=True)
        try:
            lines = [json.loads(line) for line in request.body.split(b"\n") if line]
            (first, header), *operations = [(line["key"], line["value"]) for line in lines]
            message, parent = header["summary"], header.get("parentCommit", head.id)
            if first != "header" or not re.match(r"\S", message) or not re.fullmatch("[0-9a-f]{7,40}", parent):
                raise ValueError("it begins with a header, with a summary, and maybe a parentCommit")
            if not head.id.startswith(parent):
                raise Reply.refusal(412, "A commit has happened since. Please refresh and try again.")
            files, lfs = self._apply(repo, head, operations)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Reply.refusal(400, f"Malformed commit: {error!r}") from error
        commit = self._commit(name, branch, message, files, lfs)
        return Reply(200, {"success": True, "commitOid": commit.id,
                           "commitUrl": f"{self.url}/{name}/commit/{commit.id}"})

    @staticmethod
    def _apply(repo: Repo, head: Commit, operations: list[tuple[str, Any]]) -> tuple[dict[str, bytes], set[str]]:
        """Files after a commit's operations, and which of them are LFS objects: all of it, or an exception."""
        files, lfs = dict(head.files), set(head.lfs)
        for key, value in operations:
            path = checked_path(value["path"])
            if key == "file":
                content = base64.b64decode(value["content"], validate=True)
                if value["encoding"] != "base64" or len(content) > LARGE:
                    raise ValueError(f"{path} must be in base64, and an LFS object if over 10 MiB")
                if path == "README.md" and (problems := card_problems(content.decode()))["errors"]:
                    raise Reply.refusal(400, "Invalid metadata in README.md", errors=problems["errors"])
                files[path] = content
                lfs.discard(path)
            elif key == "lfsFile":
                content = repo.objects.get(value["oid"])
                if value["algo"] != "sha256" or content is None or value.get("size", len(content)) != len(content):
                    raise Reply.refusal(400, f"An LFS pointer pointed to a file that does not exist: {path}")
                files[path] = content
                lfs.add(path)
            elif key == "deletedFile":
                if files.pop(path, None) is None:
                    raise Reply.refusal(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
                lfs.discard(path)
            else:
                raise NotImplementedError(f"operation {key!r} of a commit")
        return files, lfs


# ---- HTTP -----------------------------------------------------------------------------------------------------------

class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them
    answer: Callable[[Request], Reply]
    closing: threading.Event

    def handle_error(self, *_: object) -> None:
        """Quiet about clients that hang up, where the base class prints a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds that a silent client can keep the server from closing

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        reply = self.server.answer(Request(self.command, path, parse_qs(query), self.headers, body))
        if reply.sent == -1:  # not even a status
            if reply.stalls:
                self.server.closing.wait()
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Connection", "close")  # a kept connection would outlive the server in the client's pool
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[:reply.sent])
            if reply.stalls:
                self.wfile.flush()
                self.server.closing.wait()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""

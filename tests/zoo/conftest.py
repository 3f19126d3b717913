"""A hub on this machine: the part of the Hugging Face Hub's protocol that presets need."""

import base64
import hashlib
import http.server
import json
import re
import threading

import pytest


class Hub(http.server.ThreadingHTTPServer):
    """Repositories in memory: whoever has the token writes, everyone reads.

    Attributes:
        token: that POST requests have to bring.
        commits: {repository: [(id, {name: bytes})]}, the newest last.
        asked: of all requests, "METHOD path".
    """

    token = "hf_of_the_tests"

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.commits, self.asked = {}, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository, files):
        past = self.commits.setdefault(repository, [])
        content = (past[-1][1] if past else {}) | files
        oid = hashlib.sha1(repr((len(past), sorted(content.items()))).encode()).hexdigest()
        past.append((oid, content))
        return oid

    def find(self, repository, revision):
        """(id, files), or None."""
        past = self.commits[repository]
        if revision == "main":
            return past[-1] if past else ("0" * 40, {})
        return next((one for one in past if one[0] == revision), None)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(?:revision|tree)/([^/]+)", path):
            self._with_files(*match.groups(), self._list)
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            repository, revision, name = match.groups()
            self._with_files(repository, revision, lambda oid, files: self._file(oid, files, name))
        else:
            self._send(501, {"error": f"no {path} here"})

    do_HEAD = do_GET

    def do_POST(self):
        self.server.asked.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._send(401, {"error": "Invalid username or password."})
        elif self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/[^/?]+.*", self.path):
            files = [one["path"] for one in json.loads(body)["files"]]
            modes = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            self._send(200, {"files": [{"path": path} | modes for path in files]})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main.*", self.path):
            oid = self.server.commit(match[1], _files(body))
            url = f"{self.server.url}/{match[1]}/commit/{oid}"
            self._send(200, {"success": True, "commitOid": oid, "commitUrl": url})
        elif self.path == "/api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        else:
            self._send(501, {"error": f"no {self.path} here"})

    def _create(self, asked):
        repository = f"{asked['organization']}/{asked['name']}"
        is_new = repository not in self.server.commits
        self.server.commits.setdefault(repository, [])
        self._send(200 if is_new else 409, {"url": f"{self.server.url}/{repository}"})

    def _with_files(self, repository, revision, answer):
        if repository not in self.server.commits:
            self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif (found := self.server.find(repository, revision)) is None:
            error = {"error": f"Invalid rev id: {revision}"}
            self._send(404, error, {"X-Error-Code": "RevisionNotFound"})
        else:
            answer(*found)

    def _list(self, oid, files):
        entries = [
            {"type": "file", "path": name, "size": len(data), "oid": _blob(data)}
            for name, data in files.items()
        ]
        if "/tree/" in self.path:
            self._send(200, entries)
            return
        names = [{"rfilename": name} for name in files]
        self._send(200, {"id": "x", "sha": oid, "siblings": names, "private": False})

    def _file(self, oid, files, name):
        if name not in files:
            self._send(404, {"error": "no file"}, {"X-Error-Code": "EntryNotFound"})
            return
        tag = {"ETag": f'"{_blob(files[name])}"', "X-Repo-Commit": oid}
        self._send(200, files[name], tag)

    def _send(self, status, content, headers=()):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(data), **dict(headers)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _files(body):
    """{name: bytes} of a commit: a JSON value a line, a file's bytes in base64."""
    lines = [json.loads(line) for line in body.splitlines()]
    values = [line["value"] for line in lines if line["key"] == "file"]
    return {one["path"]: base64.b64decode(one["content"]) for one in values}


def _blob(data):
    """The id that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture(scope="session")
def server():
    """A `Hub` that is there before huggingface_hub is imported, which then asks it."""
    found = Hub()
    thread = threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", found.url)
        yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def hub(server, monkeypatch, tmp_path):
    """The `Hub`, empty, and a cache of the test's own."""
    constants = pytest.importorskip(
        "huggingface_hub.constants", reason="needs huggingface_hub, of the extra hub"
    )
    server.commits.clear()
    server.asked.clear()
    monkeypatch.setenv("HF_TOKEN", server.token)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return server

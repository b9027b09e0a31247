"""Fetching from a model hub: a small server that answers as the hub does."""

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves the files of `folder` as the repository example/gpt2-tiny; counts what is sent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        path = request.path.partition("?")[0]
        self.asked.append(path)
        if path.startswith("/api/models/example/gpt2-tiny"):
            siblings = [{"rfilename": file.name} for file in sorted(self.folder.iterdir())]
            self._send(
                request,
                json.dumps(
                    {"id": "example/gpt2-tiny", "sha": COMMIT, "siblings": siblings}
                ).encode(),
                body,
            )
        elif path.startswith(f"/example/gpt2-tiny/resolve/{COMMIT}/"):
            self._send(request, (self.folder / path.rpartition("/")[2]).read_bytes(), body)
        else:
            request.send_response(404)
            request.send_header("X-Error-Code", "RepoNotFound")
            request.send_header("Content-Length", "0")
            request.end_headers()

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, content: bytes, body: bool) -> None:
        request.send_response(200)
        request.send_header("ETag", f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if body:
            request.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tmp_path / "repository"
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4)).save_pretrained(folder)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle that must not travel")
    served = Hub(folder)
    yield served
    served.server.shutdown()
    served.server.server_close()


def _fetch(
    url: str, root: Path, tmp_path: Path, weights: str, preset: str = "tiny"
) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {
        "HF_ENDPOINT": url,
        "HF_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(root / "workflow"),
    }
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "epigpt.stages.weights",
            "--folder",
            "fetched/gpt2-tiny",
            "--settings",
            json.dumps({"fetched": weights, "model": preset}),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_safetensors_are_fetched_and_pickles_are_not(hub: Hub, root: Path, tmp_path: Path) -> None:
    done = _fetch(hub.url, root, tmp_path, "example/gpt2-tiny@main")
    assert done.returncode == 0, done.stderr
    fetched = tmp_path / "fetched" / "gpt2-tiny"
    assert {path.name for path in fetched.iterdir()} == {
        "config.json",
        "model.safetensors",
        "source.json",
    }
    assert (fetched / "model.safetensors").read_bytes() == (
        hub.folder / "model.safetensors"
    ).read_bytes()
    assert json.loads((fetched / "source.json").read_text())["commit"] == COMMIT
    assert not any(path.endswith(".bin") for path in hub.asked)
    assert [path.name for path in fetched.parent.iterdir()] == ["gpt2-tiny"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "preset", "said"),
    [
        ("example/nothing", "tiny", "no repository example/nothing"),
        ("example/gpt2-tiny", "gpt2", "set model: tiny"),
    ],
)
def test_what_does_not_suit_is_one_message_before_the_weights_travel(
    hub: Hub, root: Path, tmp_path: Path, weights: str, preset: str, said: str
) -> None:
    done = _fetch(hub.url, root, tmp_path, weights, preset)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(path.endswith(".safetensors") for path in hub.asked)
    assert not (tmp_path / "fetched" / "gpt2-tiny").exists()


def test_pickles_alone_and_a_hub_out_of_reach_are_refused(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    from epigpt.errors import InputError
    from epigpt.models import hub as fetching
    from epigpt.models import presets, published, weights_check
    from epigpt.models.published import Source

    (hub.folder / "model.safetensors").unlink()
    wanted = (
        Source(repository="example/gpt2-tiny"),
        presets.load("tiny"),
        tmp_path / "fetched",
        logging.getLogger("test"),
    )
    for endpoint, said in (
        (hub.url, "only pytorch_model.bin"),
        ("http://127.0.0.1:9", "cannot be fetched"),
    ):
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        with pytest.raises(InputError, match=said) as refused:
            fetching.fetch(*wanted)
    assert not (tmp_path / "fetched").exists()
    # Fetched where there is a network, and named as the refusal says.
    assert refused.value.remedy.endswith("name it: weights: path/to/folder")
    GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4)).save_pretrained(
        tmp_path / "elsewhere"
    )
    source = published.source(str(tmp_path / "elsewhere"), presets.load("tiny"))
    assert source is not None
    assert source.folder is not None
    weights_check.check(source.folder, presets.load("tiny"))

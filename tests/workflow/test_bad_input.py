"""What a user does wrong, through Snakemake: exit status 1, one message with a remedy, nothing
under a final name."""

import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

ACCESSION = "GSE7"
FAST = {"retries": 1, "backoff_seconds": 0.01, "timeout_seconds": 5}


def soft(samples: int = 6) -> str:
    lines = [
        "^DATABASE = GeoMiame",
        f"^SERIES = {ACCESSION}",
        "!Series_title = A small series",
        f"!Series_geo_accession = {ACCESSION}",
    ]
    lines += ["!Series_type = Expression profiling by high throughput sequencing"]
    lines += [f"!Series_sample_id = GSM{number}" for number in range(samples)]
    for number in range(samples):
        lines += [
            f"^SAMPLE = GSM{number}",
            f"!Sample_title = mouse {number}",
            f"!Sample_geo_accession = GSM{number}",
            "!Sample_type = SRA",
        ]
        lines += [
            "!Sample_organism_ch1 = Mus musculus",
            f"!Sample_characteristics_ch1 = genotype: {'KO' if number % 2 else 'WT'}",
        ]
        lines += [
            "!Sample_library_strategy = RNA-Seq",
            "!Sample_data_row_count = 0",
            "!Sample_platform_id = GPL1",
        ]
    return "\n".join(lines) + "\n"


def counts(names: list[str]) -> str:
    genes = np.random.default_rng(0)
    rows = [",".join(["gene", *names])]
    rows += [
        ",".join([f"Gene{number}", *map(str, genes.poisson(20, len(names)))])
        for number in range(400)
    ]
    return "\n".join(rows) + "\n"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A GEO mirror with one good series of six samples."""
    series = tmp_path / "mirror" / "series" / "GSEnnn" / ACCESSION
    for name, text in (
        (f"soft/{ACCESSION}_family.soft.gz", soft()),
        (f"suppl/{ACCESSION}_counts.csv.gz", counts([f"GSM{n}" for n in range(6)])),
    ):
        path = series / name
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return tmp_path / "mirror"


@pytest.fixture
def serve() -> Iterator[Callable[[int, bytes], str]]:
    """A server that gives every request the same answer."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - the name that the library calls

            def log_message(self, *_: object) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/geo"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refused(
    workflow, base_url: str, told: list[str], target: str = "results/a/counts.h5ad", **row: str
) -> None:
    done = workflow.run(
        target,
        config={"geo": {"base_url": base_url, **FAST}},
        rows=[{"dataset": "a", "source": ACCESSION, "label": "genotype", **row}],
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback" not in output
    assert output.count("remedy:") == 1, output
    message = output[: output.index("remedy:")] + output[output.index("remedy:") :].splitlines()[0]
    for part in told:
        assert part in message
    final = {name for name in workflow.results() if "/.partial/" not in name}
    assert not [name for name in final if name.endswith((".h5ad", ".part", "samples.tsv"))]


def test_an_unknown_accession(workflow, mirror):
    refused(workflow, mirror.as_uri(), ["GSE999999"], source="GSE999999")
    assert workflow.results() == set()


def test_a_server_that_says_404(workflow, serve):
    refused(workflow, serve(404, b"<html>Not Found</html>"), [ACCESSION])
    assert workflow.results() == set()


def test_a_server_that_says_503(workflow, serve):
    refused(workflow, serve(503, b"later"), ["503"])
    assert workflow.results() == set()


def test_a_page_instead_of_a_gzip_file(workflow, serve):
    refused(workflow, serve(200, b"<html><body>Welcome</body></html>"), ["HTML"])
    assert workflow.results() == set()


def test_a_truncated_gzip_file(workflow, mirror):
    path = next(mirror.rglob("*_counts.csv.gz"))
    path.write_bytes(path.read_bytes()[:-300])
    refused(workflow, mirror.as_uri(), [path.name])
    assert f"a/geo/{path.name}" not in workflow.results()


def test_a_label_that_no_characteristic_has(workflow, mirror):
    refused(workflow, mirror.as_uri(), ["genotpye", "genotype"], label="genotpye")


def test_a_value_that_the_label_does_not_have(workflow, mirror):
    refused(workflow, mirror.as_uri(), ["HET", "KO", "WT"], case="HET", control="WT")


def test_a_matrix_none_of_whose_columns_match(workflow, mirror):
    path = next(mirror.rglob("*_counts.csv.gz"))
    path.write_bytes(gzip.compress(counts([f"unrelated{n}" for n in range(6)]).encode(), mtime=0))
    refused(workflow, mirror.as_uri(), [path.name, "unrelated0", "GSM0"])


@pytest.mark.parametrize(
    ("config", "rows", "told"),
    [
        (
            {"epoch": 3},
            [{"dataset": "a", "source": "GSE1"}],
            ["unknown key 'epoch'", "did you mean 'epochs'"],
        ),
        ({"model": "gpt2xl"}, [{"dataset": "a", "source": "GSE1"}], ["gpt2xl", "gpt2-xl"]),
        ({}, [{"dataset": "a", "sorce": "GSE1"}], ["column 'sorce'", "did you mean 'source'"]),
        ({}, [{"dataset": "a", "source": "GSM1"}], ["row 2", "column 'source'"]),
    ],
)
def test_a_bad_configuration_stops_before_anything_runs(workflow, config, rows, told):
    done = workflow.run(config=config, rows=rows)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("remedy:") == 1
    for part in told:
        assert part in done.stderr
    assert not (workflow.folder / "results").exists()

"""GEO series written by hand for tests: SOFT file or series matrices, and supplementary files, laid
out as on the server."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from epigpt.geo.addresses import stub

SEQUENCING = "Expression profiling by high throughput sequencing"
# Symbols of well-known genes, so that the kind of ids and the species can be told.
GENES = [
    *(
        "Gfap",
        "Vim",
        "Aqp4",
        "S100b",
        "Sst",
        "Pvalb",
        "Npy",
        "Fos",
        "Arc",
        "Gad1",
        "Gad2",
        "Slc17a7",
        "Gria1",
        "Gria2",
        "Bdnf",
        "Cck",
    ),
    *(
        "Reln",
        "Calb1",
        "Calb2",
        "Mbp",
        "Plp1",
        "Mog",
        "Cx3cr1",
        "Aif1",
        "Snap25",
        "Syt1",
        "Rbfox3",
        "Map2",
        "Dlg4",
        "Grin1",
        "Grin2a",
    ),
    *("Grin2b", "Kcna1", "Scn1a", "Cacna1c", "Prox1", "Wfs1", "Pou3f1", "Neurod1", "Dcx"),
]


def counts_of(samples: int, seed: int = 0) -> np.ndarray:
    """Give raw counts, genes × samples."""
    return np.random.default_rng(seed).negative_binomial(2, 0.01, size=(len(GENES), samples))


@dataclass
class Sample:
    """One sample of a record; `lines` are further keys without `Sample_`, `values` a probe's VALUE
    by probe."""

    accession: str
    title: str = ""
    characteristics: Sequence[str] = ()
    organism: str = "Mus musculus"
    platform: str = "GPL1"
    strategy: str = "RNA-Seq"
    lines: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)

    def attributes(self) -> list[tuple[str, str]]:
        """Key and value of each line, without `Sample_`."""
        own = [
            ("title", self.title or self.accession),
            ("geo_accession", self.accession),
            ("organism_ch1", self.organism),
        ]
        own += [("characteristics_ch1", text) for text in self.characteristics]
        own += [("platform_id", self.platform), ("data_row_count", str(len(self.values)))]
        if self.strategy:
            own += [
                ("library_strategy", self.strategy),
                ("library_source", self.lines.get("library_source", "transcriptomic")),
            ]
        return own + [(key, text) for key, text in self.lines.items() if key != "library_source"]


@dataclass
class Made:
    """A series: `write` lays it out in a mirror."""

    accession: str
    samples: Sequence[Sample]
    kind: str = SEQUENCING
    title: str = "A series for tests"
    summary: str = "Nothing of it was measured."
    lines: Sequence[str] = ()
    platforms: Mapping[str, str] = field(default_factory=dict)

    def soft(self) -> str:
        """The SOFT family file."""
        lines = [
            "^DATABASE = GeoMiame",
            f"^SERIES = {self.accession}",
            f"!Series_title = {self.title}",
        ]
        lines += [
            f"!Series_geo_accession = {self.accession}",
            f"!Series_summary = {self.summary}",
            f"!Series_type = {self.kind}",
        ]
        lines += [f"!Series_sample_id = {sample.accession}" for sample in self.samples]
        lines += [f"!Series_{line}" for line in self.lines]
        for platform, technology in self.platforms.items():
            lines += [f"^PLATFORM = {platform}", f"!Platform_technology = {technology}"]
        for sample in self.samples:
            lines += [
                f"^SAMPLE = {sample.accession}",
                *(f"!Sample_{key} = {text}" for key, text in sample.attributes()),
            ]
            if sample.values:
                lines += ["!sample_table_begin", "ID_REF\tVALUE"]
                lines += [f"{probe}\t{value}" for probe, value in sample.values.items()]
                lines += ["!sample_table_end"]
        return "\n".join(lines) + "\n"

    def matrices(self) -> dict[str, str]:
        """The series matrices by file name: one, or one for each platform."""
        platforms = sorted({sample.platform for sample in self.samples})
        made = {}
        for platform in platforms:
            held = [sample for sample in self.samples if sample.platform == platform]
            name = f"{self.accession}{f'-{platform}' if len(platforms) > 1 else ''}_series_matrix.txt.gz"
            made[name] = self._matrix(held)
        return made

    def _matrix(self, held: Sequence[Sample]) -> str:
        lines = [
            f'!Series_title\t"{self.title}"',
            f'!Series_geo_accession\t"{self.accession}"',
            f'!Series_type\t"{self.kind}"',
        ]
        lines += [f'!Series_sample_id\t"{" ".join(sample.accession for sample in held)} "', ""]
        width = max(len(sample.characteristics) for sample in held)
        keys = list(
            dict.fromkeys(
                key
                for sample in held
                for key, _ in sample.attributes()
                if key != "characteristics_ch1"
            )
        )
        for key in keys:
            lines.append(
                "\t".join(
                    [
                        f"!Sample_{key}",
                        *(f'"{dict(sample.attributes()).get(key, "")}"' for sample in held),
                    ]
                )
            )
        for place in range(width):
            cells = [
                sample.characteristics[place] if place < len(sample.characteristics) else ""
                for sample in held
            ]
            lines.append(
                "\t".join(["!Sample_characteristics_ch1", *(f'"{cell}"' for cell in cells)])
            )
        lines += [
            "!series_matrix_table_begin",
            "\t".join(['"ID_REF"', *(f'"{sample.accession}"' for sample in held)]),
        ]
        probes = dict.fromkeys(probe for sample in held for probe in sample.values)
        lines += [
            "\t".join([f'"{probe}"', *(str(sample.values[probe]) for sample in held)])
            for probe in probes
        ]
        return "\n".join([*lines, "!series_matrix_table_end"]) + "\n"

    def write(
        self, mirror: Path, files: Mapping[str, str | bytes] | None = None, record: str = "soft"
    ) -> Path:
        """Write record (`soft` or `matrix`) and supplementary files; gives the series' folder."""
        folder = mirror / "series" / stub(self.accession) / self.accession
        records = (
            {f"{self.accession}_family.soft.gz": self.soft()}
            if record == "soft"
            else self.matrices()
        )
        for kind, content in ((record, records), ("suppl", files or {})):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for name, text in content.items():
                data = text.encode() if isinstance(text, str) else text
                (folder / kind / name).write_bytes(
                    gzip.compress(data, mtime=0) if name.endswith(".gz") else data
                )
        return folder


def table(
    columns: Sequence[str], counts: np.ndarray, sep: str = "\t", genes: Sequence[str] = GENES
) -> str:
    """A table of counts, genes × samples."""
    lines = [sep.join(["gene", *columns])]
    return (
        "\n".join(
            lines
            + [sep.join([gene, *map(str, row)]) for gene, row in zip(genes, counts, strict=True)]
        )
        + "\n"
    )

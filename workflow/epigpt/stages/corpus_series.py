"""Read the series behind a row of the corpus table, and write a shard of encoded samples for each
that can be used."""

import json
from dataclasses import asdict
from pathlib import Path

from epigpt import files
from epigpt.config.corpus_table import COLUMNS, CorpusRow
from epigpt.corpus import shards, sources
from epigpt.corpus.shards import SHARDS
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.errors import InputError
from epigpt.provenance import downloads
from epigpt.provenance.fingerprint import fingerprint
from epigpt.stages import entry

# Share of the genes that every view but the first hides: what moves together is seen among genes
# that do not stand out, too.
HIDDEN = 0.8


def main() -> None:
    """Write the list of shards; a series that cannot be used is on it with the reason."""
    with entry.job(__doc__) as job:
        settings = job.settings
        row = CorpusRow(
            **{
                name: settings.get(f"series_path.{name}", settings[f"series.{name}"])
                for name in COLUMNS
            }
        )
        listed, unavailable = _files(job, row)
        recipe = EncodingConfig(
            encoding=settings["corpus_encoding"],
            max_genes=settings["max_genes"],
            vocabulary_genes=settings["pretraining.genes"],
            views=settings["pretraining.views"],
            seed=settings["seed"],
            gene_dropout=HIDDEN,
            gene_selection="deviation",
        )
        code = fingerprint("corpus_series")
        written, skipped = [], []
        if unavailable:
            skipped.append({"series": row.source, "reason": unavailable})
        found = (
            [] if unavailable else sources.read(row, listed, settings, job.optional("transcripts"))
        )
        for series in found:
            reason = series.reason
            if not reason:
                try:
                    shard = shards.write(
                        job.file("listed").parents[2] / SHARDS,
                        series,
                        recipe,
                        row=row.series,
                        source=settings["series.source"],
                        code=code,
                    )
                    written.append(asdict(shard))
                    job.log.info("%s: %d samples or cells", series.name, shard.observations)
                except InputError as refusal:
                    reason = sources.in_one_line(refusal)
            if reason:
                skipped.append({"series": series.name, "reason": reason})
                job.log.warning("Left out of the corpus: %s: %s", series.name, reason)
        # Genes are in the shards' own descriptions.
        brief = [{key: shard[key] for key in shard if key != "genes"} for shard in written]
        files.write_json(job.file("listed"), {"shards": brief, "skipped": skipped})


def _files(job: entry.Job, row: CorpusRow) -> tuple[list[Path], str]:
    """Return the files of a row, and why there are none."""
    manifest = job.optional("manifest")
    if manifest is None:
        return [Path(path) for path in row.inputs], ""
    status = json.loads(job.file("status").read_text(encoding="utf-8"))
    return downloads.paths(manifest), str(status["reason"])


if __name__ == "__main__":
    main()

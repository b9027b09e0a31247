"""Download the files of a GEO series, or note down local ones, and write their manifest."""

import re
from pathlib import Path

from epigpt.geo import addresses, download, manifest
from epigpt.stages import entry
from epigpt.transport.http_client import Connection


def main() -> None:
    """Run the stage."""
    with entry.job(__doc__) as job:
        source = job.settings["path.source"]
        # Anything that looks like an accession is taken for one, so that a wrong one is not
        # reported as a missing file.
        if re.fullmatch(r"(GSE|GSM|GPL|GDS)[0-9]*", source, re.IGNORECASE):
            accession = addresses.accession(source)
            connection = Connection(
                retries=job.settings["geo.retries"],
                backoff_seconds=job.settings["geo.backoff_seconds"],
                timeout_seconds=job.settings["geo.timeout_seconds"],
            )
            with download.session(
                job.settings["geo.base_url"], job.file("manifest").parent, connection, job.log
            ) as opened:
                lines = download.download_series(
                    opened,
                    accession,
                    job.settings["row.matrix"],
                    job.settings["geo.ncbi_counts"],
                    job.settings["geo.dee2_url"] if job.settings["geo.dee2"] else "",
                )
        else:
            paths = [Path(path) for path in (source, job.settings["path.samples"]) if path]
            lines = manifest.local_files(paths, job.text("dataset"))
        manifest.write_manifest(job.file("manifest"), lines)
        job.log.info("%d files, %d bytes", len(lines), sum(line.bytes for line in lines))


if __name__ == "__main__":
    main()

"""Download a series of the corpus from GEO; one that GEO does not have is noted down, not an
error."""

from epigpt import files
from epigpt.corpus import sources
from epigpt.geo import addresses, download, manifest
from epigpt.geo.not_found import NoSeries
from epigpt.stages import entry
from epigpt.transport.http_client import Connection
from epigpt.transport.resume import Fetched


def main() -> None:
    """Write the manifest, and the reason where nothing could be had."""
    with entry.job(__doc__) as job:
        settings, reason = job.settings, ""
        lines: list[Fetched] = []
        connection = Connection(
            retries=settings["geo.retries"],
            backoff_seconds=settings["geo.backoff_seconds"],
            timeout_seconds=settings["geo.timeout_seconds"],
        )
        folder = job.file("manifest").parent
        with download.session(settings["geo.base_url"], folder, connection, job.log) as opened:
            try:
                lines = download.download_series(
                    opened,
                    addresses.accession(settings["series.source"]),
                    settings["series.matrix"],
                    settings["geo.ncbi_counts"],
                    settings["geo.dee2_url"] if settings["geo.dee2"] else "",
                )
            except NoSeries as refusal:
                reason = sources.in_one_line(refusal)
                job.log.warning("Left out of the corpus: %s", reason)
        manifest.write_manifest(job.file("manifest"), lines)
        files.write_json(job.file("status"), {"reason": reason})


if __name__ == "__main__":
    main()

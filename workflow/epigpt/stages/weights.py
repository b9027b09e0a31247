"""Fetch the pretrained weights that the configuration names from a model hub."""

from epigpt.models import presets, published
from epigpt.stages import entry


def main() -> None:
    """Write the folder of weights."""
    with entry.job(__doc__) as job:
        from epigpt.models import hub

        preset = presets.load(job.settings["model"])
        source = published.source(job.settings["fetched"], preset)
        if source is None or source.folder is not None:
            raise ValueError("only a hub's repository is fetched")
        hub.fetch(source, preset, job.file("folder"), job.log)


if __name__ == "__main__":
    main()

"""Fetch the pretrained weights that the key `weights` names from a model hub."""

from pathlib import Path

from epigpt.models import presets, published
from epigpt.stages import entry


def main() -> None:
    """Write the folder of weights."""
    parser = entry.parser(__doc__)
    parser.add_argument("--preset", required=True, help="model preset that the weights must suit")
    parser.add_argument("--output-folder", type=Path, required=True)
    with entry.job(parser) as job:
        from epigpt.models import hub

        preset = presets.load(job.options.preset)
        source = published.source(job.settings["weights"], preset)
        if source is None or source.folder is not None:
            raise ValueError("only a hub's repository is fetched")
        hub.fetch(source, preset, job.options.output_folder, job.log)


if __name__ == "__main__":
    main()

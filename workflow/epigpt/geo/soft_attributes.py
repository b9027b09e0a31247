"""What the attributes of a SOFT record say of a sample."""

from collections.abc import Mapping

from epigpt.geo.record import JOINED

SAMPLE_ATTRIBUTE = {
    "title": "title",
    "source_name_ch1": "source_name",
    "source_name_ch2": "source_name",
    "description": "description",
    "organism_ch1": "organism",
    "organism_ch2": "organism",
    "organism": "organism",
    "platform_id": "platform",
    "library_strategy": "library_strategy",
    "library_source": "library_source",
    "molecule_ch1": "molecule",
    "molecule_ch2": "molecule",
    "type": "type",
    "series_id": "series",
    "data_row_count": "data_rows",
}


def first(attributes: Mapping[str, list[str]], key: str) -> str:
    """Return the first value of an attribute; "" where it has none."""
    return next(iter(attributes.get(key, [])), "")


def sample_attributes(attributes: Mapping[str, list[str]]) -> dict[str, str]:
    """Return one sample's `ATTRIBUTES` from its record lines; distinct values of both channels are
    joined."""
    gathered: dict[str, list[str]] = {}
    for key, column in SAMPLE_ATTRIBUTE.items():
        gathered.setdefault(column, []).extend(value for value in attributes.get(key, []) if value)
    row = {column: JOINED.join(dict.fromkeys(values)) for column, values in gathered.items()}
    row["series"] = " ".join(gathered["series"])
    row["supplementary"] = " ".join(supplementary_files(attributes))
    return row


def characteristic_texts(attributes: Mapping[str, list[str]]) -> list[str]:
    """Return one sample's texts "key: value"; those of a two-colour array's second channel get "
    (ch2)" behind the key."""
    texts = [*attributes.get("characteristics_ch1", []), *attributes.get("characteristics", [])]
    for text in attributes.get("characteristics_ch2", []):
        key, colon, value = text.partition(":")
        texts.append(
            f"{key.strip()} (ch2): {value.strip()}" if colon else f"characteristics (ch2): {text}"
        )
    return texts


def supplementary_files(attributes: Mapping[str, list[str]]) -> list[str]:
    """Return the addresses under `supplementary_file`, `supplementary_file_1` and so on; GEO's word
    NONE is none."""
    keys = [key for key in attributes if key.startswith("supplementary_file")]
    return [
        address
        for key in keys
        for address in attributes[key]
        if address and address.upper() != "NONE"
    ]

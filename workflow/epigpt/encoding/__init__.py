"""From counts to token sequences: vocabulary, reference, encoders, views and the token store."""

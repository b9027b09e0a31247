"""From raw counts to expression: counts, quality, normalisation, embedding, contrasts."""

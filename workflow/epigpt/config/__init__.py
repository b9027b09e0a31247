"""What a run is told: settings, config files, the data set table, and the documents generated from
them."""

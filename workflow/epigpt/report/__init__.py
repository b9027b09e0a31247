"""Pages people read, made from result files alone: nothing here knows how a result was computed."""

"""Series with a planted truth."""

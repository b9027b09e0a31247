"""One thin module per rule: arguments, a call into the library, files."""

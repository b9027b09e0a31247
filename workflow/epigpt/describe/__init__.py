"""What is in a series before anything is analysed, as text, JSON and HTML."""

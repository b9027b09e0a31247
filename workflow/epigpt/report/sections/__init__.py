"""Sections of a report, in the order of the page; each takes the results and the folder of figures
and gives one section."""

"""One thin module per rule: arguments, a call into the library, files."""

import signal
import sys

# Until a job has begun (`epigpt.stages.entry`) Ctrl-C ends the process without the traceback of an
# import. Only where Python is about to run a stage: whoever imports one keeps their own handling.
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

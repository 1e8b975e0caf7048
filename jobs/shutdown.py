"""Whether this process was told to end. Who works on a job looks, puts it back and leaves."""

import threading

requested = threading.Event()

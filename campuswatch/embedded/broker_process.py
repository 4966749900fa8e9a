"""The process that the embedded broker runs in.

Run as a script, never imported: ``python -P broker_process.py CONFIG_FILE``.

rumqttd 0.20 keeps a lock that a panic poisons: two connects under one refused client id (``a+b``) are enough, and from
then on it refuses every client while its process lives on. So whatever the broker prints is read here, and a panic ends
the process with `PANICKED`, for the supervisor to start it anew.
"""

import logging
import os
import resource
import sys
import threading

from iotcore.iotcore import IotCoreBroker

#: Exit code after a panic of the broker (EX_SOFTWARE).
PANICKED = 70


def end_on_panic() -> None:
    """Read what the broker prints in place of standard error, pass it on, and end the process at a panic."""
    printed, inlet = os.pipe()
    outlet = os.dup(2)
    os.dup2(inlet, 2)
    os.close(inlet)

    def watch() -> None:
        with os.fdopen(printed, "rb") as lines:
            for line in lines:
                os.write(outlet, line)
                if b"panicked at" in line:
                    os.write(outlet, b"the broker panicked and would refuse every client from now on\n")
                    os._exit(PANICKED)

    threading.Thread(target=watch, name="panic watch", daemon=True).start()


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logging.disable(logging.CRITICAL)  # rumqttd reports every packet as an error
    end_on_panic()
    IotCoreBroker(config_path=sys.argv[1]).run_forever()


if __name__ == "__main__":
    main()

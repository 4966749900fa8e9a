"""What a simulator refuses or cannot do.

::

    CampuswatchError
    └── SimulatorError
        ├── RemoteBrokerRefused    the broker is not on this machine and nobody allowed that
        ├── BrokerUnreachable      nothing answers at the broker's address
        ├── BrokerRefused          the broker answers and does not let us in
        ├── TooManyConnections     more connections than this process may have open files
        ├── OrderRefused           a control order names something that is not there, or makes no sense
        ├── NoFleet                no running fleet answered a control order
        ├── SignatureRefused       a delivery that is not signed with the link's secret, or too long ago
        ├── UnknownNotice          a notice that a telephone never got
        ├── NotInRealTime          a scenario that can only be rehearsed, or not beside another fleet
        └── WallRefused            the control room's pages are not there, or refuse what an operator does
"""

from __future__ import annotations

from domain.errors import CampuswatchError


class SimulatorError(CampuswatchError):
    """A simulator cannot do what was asked."""


class RemoteBrokerRefused(SimulatorError):
    """The broker is not on this machine."""


class BrokerUnreachable(SimulatorError):
    """Nothing answers at the broker's address."""


class BrokerRefused(SimulatorError):
    """The broker does not let the simulator in."""


class TooManyConnections(SimulatorError):
    """The limit of open files is too low."""


class OrderRefused(SimulatorError):
    """The order cannot be carried out."""


class NoFleet(SimulatorError):
    """No running fleet answered."""


class SignatureRefused(SimulatorError):
    """A far end does not believe a delivery."""


class UnknownNotice(SimulatorError):
    """The telephone has no such notice."""


class WallRefused(SimulatorError):
    """The control room's web API does not do what an operator wants."""


class NotInRealTime(SimulatorError):
    """The scenario cannot be run against this control room."""

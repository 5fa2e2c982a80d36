"""The twin: a simulated region whose true zones, scale and trends are known, against which the whole chain is tested."""

from carbonshed.study.twin.find import found_again
from carbonshed.study.twin.write import write_twin

__all__ = ["found_again", "write_twin"]

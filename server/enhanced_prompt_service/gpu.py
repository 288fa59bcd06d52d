"""How busy GPUs are, where there are any: read off the driver, never guessed.

AMD's driver shows a share in sysfs. NVIDIA's has a library, which is loaded only where the driver
is there; nothing is installed for it. A GPU that does not say is one that is not known.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

_SYSFS = Path("/sys/class/drm")
_NVIDIA = Path("/proc/driver/nvidia/version")
_LIBRARY = "libnvidia-ml.so.1"


class _Utilization(ctypes.Structure):
    """nvmlUtilization_t: shares of the last sample period, in percent."""

    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class Gpus:
    """Those of this machine; looked for once."""

    def __init__(
        self, sysfs: Path = _SYSFS, nvidia: Path = _NVIDIA, library: Any | None = None
    ) -> None:
        self._files = sorted(sysfs.glob("card*/device/gpu_busy_percent"))
        self._library = _nvml(library) if nvidia.exists() else None

    def busiest(self) -> float | None:
        """The share of the busiest one, in percent; None where none says."""
        found = [one for one in map(_share, self._files) if one is not None]
        if self._library is not None:
            found += _nvidia_shares(self._library)
        return max(found, default=None)


def _share(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _nvml(library: Any | None) -> Any | None:
    """The library, ready to be asked; None where it does not work. 0 is its word for success."""
    try:
        nvml = ctypes.CDLL(_LIBRARY) if library is None else library
        return None if nvml.nvmlInit_v2() else nvml
    except (OSError, AttributeError):
        return None


def _nvidia_shares(nvml: Any) -> list[float]:
    count = ctypes.c_uint()
    if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return []
    found: list[float] = []
    for index in range(count.value):
        device, used = ctypes.c_void_p(), _Utilization()
        if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)):
            continue
        if not nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(used)):
            found.append(float(used.gpu))
    return found

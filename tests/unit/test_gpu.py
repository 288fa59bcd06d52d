"""GPUs are read off the driver, and where there is none nothing is said."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from enhanced_prompt_service.gpu import Gpus


class Nvml:
    """NVIDIA's library as far as it is used: two devices, the second of which does not say."""

    def __init__(self, fails: bool = False) -> None:
        self._fails = fails

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return int(self._fails)

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, device: Any) -> int:  # noqa: N802
        device._obj.value = index.value + 1
        return 0

    def nvmlDeviceGetUtilizationRates(self, device: ctypes.c_void_p, used: Any) -> int:  # noqa: N802
        if device.value == 2:
            return 3  # not supported
        used._obj.gpu = 42
        return 0


def card(folder: Path, number: int, text: str) -> None:
    device = folder / f"card{number}" / "device"
    device.mkdir(parents=True)
    (device / "gpu_busy_percent").write_text(text)


def test_the_busiest_card_is_said(tmp_path: Path) -> None:
    card(tmp_path, 0, "7\n")
    card(tmp_path, 1, "63\n")
    card(tmp_path, 2, "broken\n")
    assert Gpus(tmp_path, tmp_path / "none").busiest() == 63.0


def test_nvidias_are_asked_where_the_driver_is_there(tmp_path: Path) -> None:
    driver = tmp_path / "version"
    driver.touch()
    assert Gpus(tmp_path, driver, Nvml()).busiest() == 42.0
    assert Gpus(tmp_path, driver, Nvml(fails=True)).busiest() is None
    assert Gpus(tmp_path, tmp_path / "none", Nvml()).busiest() is None


def test_without_a_gpu_nothing_is_said(tmp_path: Path) -> None:
    assert Gpus(tmp_path, tmp_path / "none").busiest() is None
    assert Gpus(tmp_path / "nowhere", tmp_path / "none").busiest() is None

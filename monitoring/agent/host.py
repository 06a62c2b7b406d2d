"""Measuring the machine with psutil."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import psutil

from monitoring.agent.catalogue import Sample, make_sample
from monitoring.agent.limits import Allocation

#: Devices that repeat what a whole disk already counts: partitions, and layers that pass requests down.
PARTITION = re.compile(
    r"^(?:(?:sd|hd|vd|xvd)[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+)p\d+|loop\d+|ram\d+|dm-\d+|md\d+|sr\d+|zram\d+)$"
)
#: File systems that hold no files of anybody's.
PSEUDO_FILE_SYSTEMS = frozenset({"squashfs", "tmpfs", "devtmpfs", "overlay", "iso9660", "proc", "sysfs", "autofs"})
BITS_PER_BYTE = 8
MEGABIT = 1_000_000


def prime_cpu_clock() -> None:
    """Start the interval over which the first CPU utilisation is measured."""
    psutil.cpu_percent(interval=None)


def collect_host(allocation: Allocation) -> list[Sample]:
    """Measure processors, memory, disks, network and processes now. CPU is the mean since the last call."""
    return [*_cpu(), *_memory(), *_disks(), *_file_systems(), *_network(allocation), *_processes()]


def _cpu() -> Iterator[Sample]:
    yield make_sample("system_cpu_utilization_ratio", psutil.cpu_percent(interval=None) / 100)
    yield make_sample("system_cpu_count", psutil.cpu_count() or 1)
    yield make_sample("system_load_1m", psutil.getloadavg()[0])


def _memory() -> Iterator[Sample]:
    memory = psutil.virtual_memory()
    yield make_sample("system_memory_utilization_ratio", 1 - memory.available / memory.total)
    yield make_sample("system_memory_limit_bytes", memory.total)
    for state, value in (
        ("used", memory.used),
        ("free", memory.free),
        ("cached", getattr(memory, "cached", 0)),
        ("buffered", getattr(memory, "buffers", 0)),
    ):
        yield make_sample("system_memory_usage_bytes", value, state=state)


def _disks() -> Iterator[Sample]:
    for device, counters in psutil.disk_io_counters(perdisk=True, nowrap=True).items():
        if PARTITION.match(device):
            continue
        for direction, operations, size in (
            ("read", counters.read_count, counters.read_bytes),
            ("write", counters.write_count, counters.write_bytes),
        ):
            yield make_sample("system_disk_operations_total", operations, device=device, direction=direction)
            yield make_sample("system_disk_io_bytes_total", size, device=device, direction=direction)


def _file_systems() -> Iterator[Sample]:
    seen: set[str] = set()
    for partition in psutil.disk_partitions(all=False):
        if partition.fstype in PSEUDO_FILE_SYSTEMS or partition.device in seen:
            continue
        try:
            usage = psutil.disk_usage(partition.mountpoint)
        except OSError:
            continue  # a mount that vanished or that this user may not look into
        seen.add(partition.device)
        labels = {"mountpoint": partition.mountpoint, "device": partition.device}
        yield make_sample("system_filesystem_utilization_ratio", usage.percent / 100, **labels)
        yield make_sample("system_filesystem_usage_bytes", usage.used, state="used", **labels)
        yield make_sample("system_filesystem_usage_bytes", usage.free, state="free", **labels)


def _network(allocation: Allocation) -> Iterator[Sample]:
    cards = psutil.net_if_stats()
    for device, counters in psutil.net_io_counters(pernic=True, nowrap=True).items():
        if device == "lo" or device not in cards or not cards[device].isup:
            continue
        yield make_sample("system_network_io_bytes_total", counters.bytes_recv, device=device, direction="receive")
        yield make_sample("system_network_io_bytes_total", counters.bytes_sent, device=device, direction="transmit")
    speed = sum(card.speed for name, card in cards.items() if name != "lo" and card.isup and card.speed > 0)
    limit = allocation.bandwidth_bytes_per_second or speed * MEGABIT // BITS_PER_BYTE
    if limit:
        yield make_sample("system_network_limit_bytes_per_second", limit)


def _processes() -> Iterator[Sample]:
    statuses = Counter(process.info["status"] for process in psutil.process_iter(["status"]))
    for status in sorted({"running", "sleeping", "zombie", *statuses}):
        yield make_sample("system_processes_count", statuses[status], status=status)
    yield make_sample("system_boot_time_seconds", psutil.boot_time())

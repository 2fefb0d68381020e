"""Time, and the books that the kernel keeps beside processors and memory."""

from exporter.collectors.entropy import Entropy
from exporter.collectors.filefd import OpenFiles
from exporter.collectors.kernel_hung import HungTasks
from exporter.collectors.schedstat import Scheduler
from exporter.collectors.time import Clocksources, Time
from exporter.collectors.timex import Discipline
from exporter.offers import Node, Offer
from exporter.procfile import ProcFile


def _entropy(node: Node) -> Entropy:
    folder = node.procfs / "sys/kernel/random"
    return Entropy(ProcFile(folder / "entropy_avail"), ProcFile(folder / "poolsize"))


def _kernel_hung(node: Node) -> HungTasks:
    return HungTasks(ProcFile(node.procfs / "sys/kernel/hung_task_detect_count"))


def _time(node: Node) -> Time:
    return Time(node.clock.wall, Clocksources(node.sysfs / "devices/system/clocksource"))


OFFERS = (
    Offer("entropy", _entropy),
    Offer("filefd", lambda node: OpenFiles(ProcFile(node.procfs / "sys/fs/file-nr"))),
    Offer("kernel_hung", _kernel_hung),
    Offer("schedstat", lambda node: Scheduler(ProcFile(node.procfs / "schedstat"))),
    Offer("time", _time),
    Offer("timex", lambda node: Discipline()),
)

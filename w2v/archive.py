"""Read the archives of `torch.save` without trust: tensors and plain values, and nothing else.

`torch.load(weights_only=True)` runs no code either, but it believes what a file declares: a file
of 1 kB may declare a tensor of gigabytes, or lists within lists that never end. Here no tensor
is larger than its bytes in the file, and every other value takes at least a byte of it.
"""

import mmap
import pickletools
import sys
import zipfile
import zlib
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

DTYPES = {  # by the names that torch gives them in a file
    "torch BFloat16Storage": torch.bfloat16,
    "torch BoolStorage": torch.bool,
    "torch ByteStorage": torch.uint8,
    "torch CharStorage": torch.int8,
    "torch DoubleStorage": torch.float64,
    "torch FloatStorage": torch.float32,
    "torch HalfStorage": torch.float16,
    "torch IntStorage": torch.int32,
    "torch LongStorage": torch.int64,
    "torch ShortStorage": torch.int16,
}
REBUILD, HOOKS = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"
VALUES = ("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 1, "SETITEM": 2}  # without a mark


class _Name(NamedTuple):
    """Stand for a function or a type that the archive names; it is never imported."""

    name: str


class _Storage(NamedTuple):
    """Hold the numbers of one tensor, as bytes of the file."""

    dtype: torch.dtype
    n: int
    record: memoryview


def load_archive(file: BinaryIO) -> Any:
    """Read what `torch.save` wrote; the tensors lie in the file until they are used.

    Args:
        file: an open file of the file system.

    Returns:
        The payload, of dicts, lists, tuples, tensors, strings, numbers, booleans and None. Its
        tensors may be changed; the file is not.

    Raises:
        Exception: of any type, for a file that is damaged, hostile or of another kind.
    """
    records = _records(file)
    if bytes(records["byteorder"]) != sys.byteorder.encode():
        raise ValueError("it was written on a machine of the other byte order")
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for operation, value, _ in pickletools.genops(bytes(records["data.pkl"])):
        name = operation.name
        items: list[Any] = []
        if name in LENGTHS or name in ("TUPLE", "APPENDS", "SETITEMS"):
            start = len(stack) - LENGTHS[name] if name in LENGTHS else marks.pop()
            items = stack[start:]
            del stack[start:]
        if name in VALUES:
            stack.append(value)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name == "MARK":
            marks.append(len(stack))
        elif name.startswith("TUPLE"):
            stack.append(tuple(items))
        elif name.startswith("APPEND"):
            stack[-1].extend(items)
        elif name.startswith("SETITEM"):
            if not all(isinstance(key, (str, int)) for key in items[::2]):
                raise ValueError(
                    "it holds more than tensors and plain values: a key that is no text or number"
                )
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[value] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET") and isinstance(memo[value], (str, _Name)):
            stack.append(memo[value])  # a container stands in one place
        elif name == "GLOBAL" and value in (REBUILD, HOOKS, *DTYPES):
            stack.append(_Name(value))
        elif name == "BINPERSID":
            stack.append(_storage(records, *stack.pop()))
        elif name == "REDUCE" and stack[-2:] == [_Name(HOOKS), ()]:
            stack[-2:] = [{}]
        elif name == "REDUCE" and stack[-2] == _Name(REBUILD):
            stack[-2:] = [_tensor(*stack[-1])]
        elif name == "STOP":
            return stack.pop()
        elif name != "PROTO":
            raise ValueError(
                "it holds more than tensors and plain values, which could run code; nothing was run"
            )


def _records(file: BinaryIO) -> dict[str, memoryview]:
    """Find the records of an archive: not packed, not overlapping, and whole."""
    content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    try:
        with zipfile.ZipFile(file) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    except zipfile.BadZipFile as error:
        raise ValueError(f"it is no archive of torch.save ({error}); nothing was run") from None
    records: dict[str, memoryview] = {}
    end = 0
    for entry in entries:
        header = content[entry.header_offset : entry.header_offset + 30]
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        start = entry.header_offset + 30 + name + extra
        is_packed = entry.compress_type != zipfile.ZIP_STORED
        if is_packed or entry.header_offset < end or start + entry.file_size > len(content):
            raise ValueError("its archive is not one that torch.save writes")
        end = start + entry.file_size
        if zlib.crc32(content[start:end]) != entry.CRC:
            raise ValueError(f"its record {entry.filename} is damaged")
        records[entry.filename.partition("/")[2]] = content[start:end]
    return records


def _storage(
    records: dict[str, memoryview], kind: str, name: _Name, key: str, place: str, n: int
) -> _Storage:
    """Take the record of a tensor, which no other tensor may share."""
    record, dtype = records.pop(f"data/{key}"), DTYPES[name.name]
    if len(record) != n * dtype.itemsize:
        raise ValueError(f"it declares {n} numbers of {dtype} and holds {len(record)} bytes")
    return _Storage(dtype, n, record)


def _tensor(storage: _Storage, offset: int, size: Any, stride: Any, grad: bool, _: Any) -> Tensor:
    """Give a tensor whose elements lie one after the other in its record."""
    shape = torch.empty(size, device="meta")
    n = shape.numel()
    if grad or shape.stride() != stride or not 0 <= offset <= offset + n <= storage.n:
        raise ValueError(f"it declares a tensor of shape {size} and holds {storage.n} numbers")
    if not n:
        return torch.empty(size, dtype=storage.dtype)
    start = offset * storage.dtype.itemsize
    return torch.frombuffer(storage.record[start:], dtype=storage.dtype, count=n).view(size)

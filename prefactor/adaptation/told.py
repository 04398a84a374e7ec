"""What is told of users, as a parquet table: a row per user."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save
from torch import Tensor

from prefactor.adaptation.adapter import Adapted
from prefactor.methods.vrf import VRF

STATE = "state"
LENGTH = 8  # bytes at the beginning of safetensors: how long its header is


def told_table(user_ids: pa.Array, adapted: Adapted) -> pa.Table:
    """``user_id``, ``pairs``, ``weight``, with loadings ``loading``, ``spread``, ``entropy``, doubts, and ``state``."""
    columns = {"user_id": user_ids.cast(pa.string()), "pairs": pa.array(adapted.pairs.numpy())}
    lists = {"weight": adapted.weight} | ({} if adapted.loading is None else {"loading": adapted.loading})
    columns |= {name: _lists(values) for name, values in lists.items()}
    numbers = {"spread": adapted.spread, "entropy": adapted.entropy, **adapted.doubts}
    columns |= {name: pa.array(values.numpy()) for name, values in numbers.items()}
    if adapted.kept:
        columns[STATE] = packed_rows(adapted.kept)
    fields = [pa.field(name, column.type, nullable=False) for name, column in columns.items()]
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))


def writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Of a table as above. Numbers are stored as they are: they hardly compress, and trying takes long."""
    plain = {name: "NONE" for name in schema.names if name != "user_id"}
    return pq.ParquetWriter(path, schema, compression={**plain, "user_id": "ZSTD"}, use_dictionary=["pairs"])


def bytes_per_user(model: VRF, state: bool) -> int:
    """How much is in memory of a user while it is adapted to and told, about."""
    latent = 4 * model.settings.latent if model.matched else 0  # natural parameters, mean and deviation
    bases = len(model.mean_weight)
    if model.loadings is None:
        return 4 * (2 * bases + latent * (2 if state else 1))
    live = model.loadings.live
    return 4 * (3 * bases + 2 * live + latent + (3 * (live * live + bases * live) if state else 0))


def packed_rows(kept: Mapping[str, Tensor]) -> pa.Array:
    """Each user's tensors, (1, ...) each, as the bytes of a safetensors file: what the user store keeps of a user.

    All users' headers are alike, so they are written once and only rows are put together.
    """
    whole = save({name: values[:1].contiguous() for name, values in kept.items()})
    begin = LENGTH + int.from_bytes(whole[:LENGTH], "little")
    layout = json.loads(whole[LENGTH:begin])
    names = sorted(kept, key=lambda name: layout[name]["data_offsets"][0])
    users = len(next(iter(kept.values())))
    header = np.broadcast_to(np.frombuffer(whole[:begin], np.uint8), (users, begin))
    rows = [kept[name].contiguous().view(users, -1).view(torch.uint8).numpy() for name in names]
    data = np.concatenate([header, *rows], 1)  # (U,bytes)
    offsets = np.arange(users + 1, dtype=np.int64) * data.shape[1]
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), users, [None, pa.py_buffer(offsets), pa.py_buffer(data.reshape(-1))]
    )


def _lists(values: Tensor) -> pa.Array:
    """(U, K) as lists of float32."""
    users, width = values.shape
    offsets = pa.array(np.arange(users + 1, dtype=np.int32) * width)
    field = pa.list_(pa.field("element", pa.float32(), nullable=False))
    return pa.ListArray.from_arrays(offsets, pa.array(values.contiguous().view(-1).numpy()), type=field)

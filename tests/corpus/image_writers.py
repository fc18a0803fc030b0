"""Writers of PNG, BMP and TIFF files that reach variants which Pillow reads but does not write. For make_images.py."""

import struct
import zlib

import numpy as np

W, H = 37, 21


def picture(w=W, h=H, channels=3, seed=1):
    """Smooth colours with some noise: nothing that a wrong row, column or channel order leaves as it is."""
    y, x = np.mgrid[0:h, 0:w].astype(np.int64)
    planes = [
        (3 * x + 5 * y * (c + 1) + 40 * c + ((x * 7919 + y * 104729 + seed * 31 + c) % 13)) % 256
        for c in range(channels)
    ]
    return np.stack(planes, -1).astype(np.uint8)


SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_rows(values, bits):
    """Rows of samples (h, n), each row from a new byte on, high bits first."""
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in values]
    if bits == 8:
        return [row.astype(np.uint8).tobytes() for row in values]
    rows = []
    for row in values:
        cells = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :].ravel()
        rows.append(np.packbits(cells).tobytes())
    return rows


def png(colour, bits, extra=b"", interlaced=False, values=None, text=b"", filters=True):
    n = SAMPLES[colour]
    if values is None:
        values = picture(channels=n).astype(np.int64)
        values = values * 257 - 120 * (values % 3) if bits == 16 else values >> (8 - bits)
        values = np.clip(values, 0, (1 << bits) - 1)
    h, w = values.shape[:2]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x0, y0, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        part = values[y0::dy, x0::dx]
        if part.size:
            step = max(1, n * bits // 8)
            before = None
            for i, row in enumerate(packed_rows(part.reshape(part.shape[0], -1), bits)):
                row = np.frombuffer(row, np.uint8)
                kind = i % 3 if filters else 0  # none, left, up
                left = np.concatenate([np.zeros(step, np.uint8), row[:-step]]) if kind == 1 else 0
                up = before if kind == 2 and before is not None else 0
                raw += bytes([kind]) + (row - left - up).astype(np.uint8).tobytes()
                before = row
    head = struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + text
        + extra
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + chunk(b"IEND", b"")
    )


def bmp(bits, rows, colours=b"", compression=0, header=40, masks=b"", top_down=False, used=0, w=W, h=H):
    """Rows top to bottom, unpadded."""
    if compression in (0, 3):
        rows = [row + bytes(-len(row) % 4) for row in rows]
        data = b"".join(rows if top_down else rows[::-1])
    else:
        data = rows
    height = -h if top_down else h
    if header == 12:
        head = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, w, height, 1, bits, compression, len(data), 2835, 2835, used, 0)
        head += masks[: header - 40].ljust(header - 40, b"\0")
        masks = masks if header == 40 else b""
    offset = 14 + len(head) + len(masks) + len(colours)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + masks + colours + data


def tiff(tags, blocks, tiled=False, big_endian=False):
    """A classic TIFF of `blocks` (strips or tiles); `tags`: {tag: value or values}, all written as SHORT or LONG."""
    e = ">" if big_endian else "<"
    data, offsets = b"", []
    for block in blocks:
        offsets.append(8 + len(data))
        data += block + bytes(len(block) % 2)
    tags = dict(tags)
    tags[324 if tiled else 273] = offsets
    tags[325 if tiled else 279] = [len(block) for block in blocks]
    entries, tail = b"", b""
    ifd = 8 + len(data)
    tail_at = ifd + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        values = tags[tag] if isinstance(tags[tag], (list, tuple)) else [tags[tag]]
        kind, code = ("I", 4) if tag in (273, 279, 324, 325, 256, 257) else ("H", 3)
        packed = struct.pack(e + kind * len(values), *values)
        if len(packed) > 4:
            entries += struct.pack(e + "HHII", tag, code, len(values), tail_at + len(tail))
            tail += packed + bytes(len(packed) % 2)
        else:
            entries += struct.pack(e + "HHI", tag, code, len(values)) + packed.ljust(4, b"\0")
    return (
        (b"MM\0*" if big_endian else b"II*\0")
        + struct.pack(e + "I", ifd)
        + data
        + struct.pack(e + "H", len(tags))
        + entries
        + bytes(4)
        + tail
    )


def strips(rows, n):
    return [b"".join(rows[i : i + n]) for i in range(0, len(rows), n)]

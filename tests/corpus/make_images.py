#!/usr/bin/env python3
"""Make tests/corpus/images and its INDEX.tsv: one small file per variant of each image format, and broken ones.

    python tests/corpus/make_images.py        needs Pillow (see INDEX.tsv for the version) and NumPy

INDEX.tsv says for each file what mosaic must make of it: the size and the SHA-256 of the RGB bytes, which are those of
Pillow's Image.open(f).convert("RGB"), or "error" and part of the message. The last column is what Pillow does.
"""

import hashlib
import io
import pathlib
import struct
import warnings
import zlib

import numpy as np
import PIL
from PIL import Image

from image_writers import H, W, bmp, chunk, packed_rows, picture, png, strips, tiff

warnings.simplefilter("ignore")
OUT = pathlib.Path(__file__).parent / "images"
FILES = {}  # name: (bytes, None or part of our message where we refuse what Pillow takes, or part of our error)


def add(name, data, error=None):
    FILES[name] = (bytes(data), error)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# ------------------------------------------------------------------------------------------------------------- JPEG
rgb = Image.fromarray(picture())
grey = rgb.convert("L")
cmyk = Image.frombytes("CMYK", (W, H), picture(channels=4).tobytes())
baseline = saved(rgb, "JPEG", quality=85)
add("420.jpg", baseline)
add("422.jpg", saved(rgb, "JPEG", quality=85, subsampling="4:2:2"))
add("444.jpg", saved(rgb, "JPEG", quality=85, subsampling="4:4:4"))
add("progressive.jpg", saved(rgb, "JPEG", quality=85, progressive=True))
add("grey.jpg", saved(grey, "JPEG", quality=85))
add("cmyk.jpg", saved(cmyk, "JPEG", quality=85))
exif = Image.Exif()
exif[0x0112] = 6
add("exif_rotated.jpg", saved(rgb, "JPEG", quality=85, exif=exif))
add("one_pixel.jpg", saved(rgb.crop((0, 0, 1, 1)), "JPEG"))
add("junk_after_end.jpg", baseline + b"junk after the end")
add("truncated_half.jpg", baseline[: len(baseline) // 2], "truncated")
add("truncated_last_row.jpg", baseline[:-12], "truncated")
add("truncated_header.jpg", baseline[:100], "truncated")
sof = baseline.index(b"\xff\xc0")
sos = baseline.index(b"\xff\xda")
two = baseline[: sof + 2] + b"\0\x0e" + baseline[sof + 4 : sof + 9] + b"\2" + baseline[sof + 10 : sof + 16]
two += baseline[sof + 19 : sos + 2] + b"\0\x0a\2" + baseline[sos + 5 : sos + 9] + baseline[sos + 11 :]
add("two_components.jpg", two, "2 colour components")
twelve = bytearray(baseline)
twelve[sof + 4] = 12
add("bits12.jpg", twelve, "precision 12")
lossless = bytearray(baseline)
lossless[sof + 1] = 0xC3
add("lossless.jpg", lossless, "JPEG: ")
huge = bytearray(baseline)
huge[sof + 5 : sof + 9] = struct.pack(">HH", 65000, 65000)
add("huge.jpg", huge, "178956970")


# -------------------------------------------------------------------------------------------------------------- PNG
def palette(n):
    return chunk(b"PLTE", picture(n, 1, seed=5).tobytes())


for bits in (1, 2, 4, 8, 16):
    add(f"grey{bits}.png", png(0, bits))
for bits in (1, 2, 4, 8):
    add(f"palette{bits}.png", png(3, bits, palette(1 << bits)))
dark = np.minimum(picture(channels=1).astype(np.int64) * 3, 700)
add("grey16_dark.png", png(0, 16, values=dark))
for bits in (8, 16):
    add(f"rgb{bits}.png", png(2, bits))
    add(f"grey_alpha{bits}.png", png(4, bits))
    add(f"rgba{bits}.png", png(6, bits))
add("interlaced_rgb8.png", png(2, 8, interlaced=True))
add("interlaced_palette2.png", png(3, 2, palette(4), interlaced=True))
add("interlaced_grey16.png", png(0, 16, interlaced=True))
add("transparent_palette.png", png(3, 8, palette(256) + chunk(b"tRNS", bytes(range(256)))))
add("transparent_rgb.png", png(2, 8, chunk(b"tRNS", struct.pack(">3H", 40, 80, 120))))
add("transparent_grey2.png", png(0, 2, chunk(b"tRNS", struct.pack(">H", 1))))
add("gamma.png", png(2, 8, chunk(b"gAMA", struct.pack(">I", 100000))))
add("text.png", png(2, 8, text=chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 1000))))
plain = png(2, 8)
idat = plain.index(b"IDAT")
add("no_end_chunk.png", plain[:-12])
add("truncated.png", plain[: idat + 400], "truncated")
add(
    "text_bomb.png",
    png(2, 8, text=chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 << 20), 9))),
    "megabyte of text",
)
add(
    "text_bomb_itxt.png",
    png(2, 8, text=chunk(b"iTXt", b"Comment\0\1\0en\0c\0" + zlib.compress(bytes(3 << 20), 9))),
    "megabyte of text",
)
add("palette_overrun.png", png(3, 4, palette(7)), "palette has 7")
add("no_palette.png", png(3, 4), "PNG: ")
broken = bytearray(plain)
broken[idat + 300] ^= 0xFF
add("flipped_byte.png", broken, "PNG: ")
crc = bytearray(plain)
crc[30] ^= 1
add("header_crc.png", crc, "PNG: ")
huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)) + plain[idat - 4 :]
add("huge.png", huge, "178956970")

# -------------------------------------------------------------------------------------------------------------- PNM
size = b"%d %d" % (W, H)
g8, c8 = picture(channels=1), picture()
ascii_of = lambda values: b"\n".join(b" ".join(b"%d" % v for v in row.ravel()) for row in values) + b"\n"
bits = g8[..., 0] >> 7
add(
    "bits_text.pbm",
    b"P1\n# a comment\n" + size + b"\n" + b"\n".join(b"".join(b"%d" % v for v in row) for row in bits) + b"\n",
)
add("bits.pbm", b"P4\n" + size + b"\n" + b"".join(packed_rows(bits, 1)))
add("grey_text.pgm", b"P2\n" + size + b"\n255\n" + ascii_of(g8))
add("grey_text_15.pgm", b"P2\n" + size + b"\n15\n" + ascii_of(g8 >> 4))
add("grey_text_1000.pgm", b"P2\n" + size + b"\n1000\n" + ascii_of(g8.astype(int) // 16))
add("rgb_text.ppm", b"P3 # comment\n" + size + b" 255\n" + ascii_of(c8))
add("rgb_text_1000.ppm", b"P3\n" + size + b"\n1000\n" + ascii_of(c8.astype(int) * 3))
add("grey.pgm", b"P5\n" + size + b"\n255\n" + g8.tobytes())
add("grey_100.pgm", b"P5\n" + size + b"\n100\n" + (g8 // 2).tobytes())  # values above the maximum are cut off
add("grey_300.pgm", b"P5\n" + size + b"\n300\n" + (g8.astype(">u2") // 128).astype(">u2").tobytes())
add("grey_65535.pgm", b"P5\n" + size + b"\n65535\n" + (g8.astype(">u2") * 2).astype(">u2").tobytes())
add("rgb.ppm", b"P6\n" + size + b"\n255\n" + c8.tobytes())
add("rgb_comments.ppm", b"P6 #one\n#two\n" + size + b"# three\n\n255\n" + c8.tobytes())
add("rgb_31.ppm", b"P6\n" + size + b"\n31\n" + (c8 >> 3).tobytes())
add(
    "rgb_65535.ppm",
    b"P6\n" + size + b"\n65535\n" + (c8.astype(np.int64) * 257 - c8 % 5 * 40).clip(0).astype(">u2").tobytes(),
)
add("truncated.ppm", b"P6\n" + size + b"\n255\n" + c8.tobytes()[:-1], "truncated")
add("truncated_text.ppm", b"P3\n" + size + b"\n255\n" + ascii_of(c8)[:-20], "truncated")
add("value_above_maximum.pgm", b"P2\n2 1\n15\n3 16\n", "value of 16")
add("maximum_70000.ppm", b"P6\n1 1\n70000\n" + bytes(6), "maximum value 70000")
add("no_number.ppm", b"P3\n1 1\n255\n1 two 3\n", "found 'two'")
add("zero_width.ppm", b"P6\n0 4\n255\n", "0 x 4")
add("long_number.ppm", b"P6\n00000000000001 1\n255\n" + bytes(3), "more than 10 characters")

# -------------------------------------------------------------------------------------------------------------- BMP


def bgrx(n, seed=5):
    return b"".join(bytes(c[::-1]) + b"\0" for c in picture(n, 1, seed=seed)[0])


bgr_rows = [row[:, ::-1].tobytes() for row in c8]
bgrx_rows = [np.concatenate([row[:, ::-1], row[:, :1]], 1).tobytes() for row in c8]
for bits in (1, 4, 8):
    add(f"palette{bits}.bmp", bmp(bits, packed_rows(g8[..., 0] >> (8 - bits), bits), bgrx(1 << bits)))
add("palette8_short.bmp", bmp(8, packed_rows(g8[..., 0] % 100, 8), bgrx(100), used=100))
add("palette4_core.bmp", bmp(4, packed_rows(g8[..., 0] >> 4, 4), picture(16, 1).tobytes(), header=12))
add("grey8.bmp", bmp(8, packed_rows(g8[..., 0], 8), b"".join(bytes([i, i, i, 0]) for i in range(256))))
add("black_white.bmp", bmp(1, packed_rows(bits := g8[..., 0] >> 7, 1), bytes(4) + b"\xff\xff\xff\0"))
add("white_black.bmp", bmp(1, packed_rows(bits, 1), b"\xff\xff\xff\0" + bytes(4)))
add("rgb24.bmp", bmp(24, bgr_rows))
add("rgb24_top_down.bmp", bmp(24, bgr_rows, top_down=True))
add("rgb24_v5.bmp", bmp(24, bgr_rows, header=124))
add("rgb32.bmp", bmp(32, bgrx_rows))
words = (c8[..., 0].astype("<u2") << 8) ^ (c8[..., 1].astype("<u2") << 3) ^ c8[..., 2]
words = words.astype("<u2")
word_rows = [row.tobytes() for row in words]
add("rgb16.bmp", bmp(16, word_rows))
add("rgb16_565.bmp", bmp(16, word_rows, compression=3, masks=struct.pack("<3I", 0xF800, 0x7E0, 0x1F)))
add("rgb16_555.bmp", bmp(16, word_rows, compression=3, masks=struct.pack("<3I", 0x7C00, 0x3E0, 0x1F)))
add(
    "rgb32_masks.bmp",
    bmp(32, bgrx_rows, compression=3, header=108, masks=struct.pack("<4I", 0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
)
add(
    "rgb32_masks_rgba.bmp",
    bmp(32, bgrx_rows, compression=3, header=56, masks=struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
)
add("rgb32_masks_none.bmp", bmp(32, bgrx_rows, compression=3, header=56, masks=bytes(16)))
add(
    "rgb32_masks_odd.bmp",
    bmp(32, bgrx_rows, compression=3, masks=struct.pack("<3I", 0x3FF00000, 0xFFC00, 0x3FF)),
    "layout",
)


def runs(nibbles):
    """Run-length data of the rows bottom to top: runs, literal stretches, an early end of row."""
    data = b""
    for y, row in enumerate((g8[..., 0] >> (4 if nibbles else 0))[::-1]):
        if nibbles:
            pairs = [(int(a) << 4 | int(b)) for a, b in zip(row[0:16:2], row[1:16:2])]
            data += bytes([0, 16]) + bytes(pairs) + bytes([9, int(row[16]) << 4 | int(row[17])])
            data += bytes([W - 25 + y % 3 * 5, int(row[30]) << 4])  # too long a run is cut off
        else:
            data += bytes([0, 11]) + row[:11].tobytes() + b"\0" + bytes([W - 11 if y % 2 else 7, int(row[20])])
        data += b"\0\0"
    return data + b"\0\1"


add("rle8.bmp", bmp(8, runs(False), bgrx(256), compression=1))
add("rle4.bmp", bmp(4, runs(True), bgrx(16), compression=2))
jump = bytes([5, 9, 0, 2, 3, 2, 4, 7]) + b"".join(bytes([W, y, 0, 0]) for y in range(H))
add("rle8_jump.bmp", bmp(8, jump, bgrx(256), compression=1), "with jumps")
add("rle8_short.bmp", bmp(8, bytes([5, 9, 0, 1]), bgrx(256), compression=1), "truncated")
add("rle8_16bits.bmp", bmp(16, bytes([5, 9, 0, 1]), compression=1), "not supported")
add("palette_overrun.bmp", bmp(8, packed_rows(g8[..., 0], 8), bgrx(100), used=100), "palette has 100")
add(
    "grey4.bmp",
    bmp(4, packed_rows(g8[..., 0] >> 4, 4), b"".join(bytes([i, i, i, 0]) for i in range(16))),
    "grey palette",
)
add("truncated.bmp", bmp(24, bgr_rows)[:-200], "truncated")
add("bits2.bmp", bmp(2, packed_rows(g8[..., 0] >> 6, 2), bgrx(4)), "2 bits a pixel")
add("header_41.bmp", b"BM" + bytes(8) + struct.pack("<II", 60, 41) + bytes(60), "header of 41 bytes")
add("jpeg_inside.bmp", bmp(24, bytes(100), compression=4), "compression 4")
add("huge.bmp", bmp(24, [b""], w=60000, h=60000), "178956970")

# ------------------------------------------------------------------------------------------------------------- TIFF


def tags(photometric, bits, samples=1, rows=H, **more):
    base = {256: W, 257: H, 258: [bits] * samples, 259: 1, 262: photometric, 277: samples, 278: rows}
    base.update({int(k[1:]): v for k, v in more.items()})
    return base


for bits in (1, 2, 4, 8):
    rows = packed_rows(g8[..., 0] >> (8 - bits), bits)
    add(f"grey{bits}.tif", tiff(tags(1, bits, rows=8), strips(rows, 8)))
    add(f"grey{bits}_white_is_zero.tif", tiff(tags(0, bits, rows=8), strips(rows, 8)))
    ramp = [int(v) * 257 for v in picture(1 << bits, 1, seed=5).reshape(-1, 3).T.ravel()]
    add(f"palette{bits}.tif", tiff(tags(3, bits, rows=8, _320=ramp), strips(rows, 8)))
deep = g8[..., 0].astype(np.int64) * 2
add("grey16.tif", tiff(tags(1, 16), [deep.astype("<u2").tobytes()]))
add("grey16_big_endian.tif", tiff(tags(1, 16), [deep.astype(">u2").tobytes()], big_endian=True))
add("rgb8.tif", tiff(tags(2, 8, 3, rows=5), strips([r.tobytes() for r in c8], 5)))
add("rgb8_big_endian.tif", tiff(tags(2, 8, 3), [c8.tobytes()], big_endian=True))
add("rgb8_planes.tif", tiff(tags(2, 8, 3, _284=2), [c8[..., c].tobytes() for c in range(3)]))
deep = c8.astype(np.int64) * 251
add("rgb16.tif", tiff(tags(2, 16, 3), [deep.astype("<u2").tobytes()]))
add("rgb16_big_endian.tif", tiff(tags(2, 16, 3), [deep.astype(">u2").tobytes()], big_endian=True))
c4 = picture(channels=4)
for name, extra in (("rgbx", [0]), ("rgb_premultiplied", [1]), ("rgba", [2])):
    add(f"{name}.tif", tiff(tags(2, 8, 4, _338=extra), [c4.tobytes()]))
add("rgba_untagged.tif", tiff(tags(2, 8, 4), [c4.tobytes()]))
add("grey_alpha.tif", tiff(tags(1, 8, 2, _338=[2]), [picture(channels=2).tobytes()]))
add("cmyk.tif", tiff(tags(5, 8, 4), [c4.tobytes()]))
for orientation in range(2, 9):
    add(f"orientation{orientation}.tif", tiff(tags(2, 8, 3, _274=orientation), [c8.tobytes()]))
tiles = [c8[y : y + 16, x : x + 16] for y in (0, 16) for x in (0, 16, 32)]
tiles = [np.pad(t, ((0, 16 - t.shape[0]), (0, 16 - t.shape[1]), (0, 0))).tobytes() for t in tiles]
tile_tags = tags(2, 8, 3, _322=16, _323=16)
del tile_tags[278]
add("tiles.tif", tiff(tile_tags, tiles, tiled=True))
tile_tags[259] = 8
add("tiles_deflate.tif", tiff(tile_tags, [zlib.compress(t) for t in tiles], tiled=True))
add(
    "bits_reversed.tif",
    tiff(tags(1, 1, _266=2), [bytes(int(f"{b:08b}"[::-1], 2) for b in b"".join(packed_rows(g8[..., 0] >> 7, 1)))]),
)
for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
    add(f"rgb_{kind}.tif", saved(rgb, "TIFF", compression=kind))
add("group4.tif", saved(grey.convert("1"), "TIFF", compression="group4"))
add("grey_lzw.tif", saved(grey, "TIFF", compression="tiff_lzw"))
add("cmyk_lzw.tif", saved(cmyk, "TIFF", compression="tiff_lzw"))
add("palette_lzw.tif", saved(rgb.quantize(50), "TIFF", compression="tiff_lzw"))
add("rgb_jpeg.tif", saved(rgb, "TIFF", compression="jpeg", quality=85))
add("ycbcr_jpeg.tif", saved(rgb.convert("YCbCr"), "TIFF", compression="jpeg", quality=85))
add("grey_jpeg.tif", saved(grey, "TIFF", compression="jpeg", quality=85))
add("two_pages.tif", saved(rgb, "TIFF", save_all=True, append_images=[grey]))
add("truncated.tif", tiff(tags(2, 8, 3, rows=H), [c8.tobytes()])[:500], "TIFF: ")
add("strip_cut_short.tif", tiff({**tags(2, 8, 3), 259: 8}, [zlib.compress(c8.tobytes())[:-100]]), "truncated or broken")
add("float.tif", tiff(tags(1, 32, _339=3), [g8.astype("<f4").tobytes()]), "not supported")
add("lab.tif", tiff(tags(8, 8, 3), [c8.tobytes()]), "not supported")
add("ycbcr_plain.tif", tiff(tags(6, 8, 3, _530=[1, 1]), [c8.tobytes()]), "not supported")
add("grey16_white_is_zero.tif", tiff(tags(0, 16), [g8.astype("<u2").tobytes()]), "not supported")
add("seven_samples.tif", tiff(tags(2, 8, 7, _338=[0] * 4), [picture(channels=7).tobytes()]), "not supported")
huge_tags = tags(2, 8, 3)
huge_tags.update({256: 60000, 257: 60000})
add("huge.tif", tiff(huge_tags, [c8.tobytes()]), "178956970")

# ------------------------------------------------------------------------------------------------------------- WebP
rgba = Image.fromarray(c4)
add("lossy.webp", saved(rgb, "WEBP", quality=80))
add("lossy_alpha.webp", saved(rgba, "WEBP", quality=80))
add("lossless.webp", saved(rgb, "WEBP", lossless=True))
add("lossless_alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True))
add("exif.webp", saved(rgb, "WEBP", quality=80, exif=exif))
add("truncated.webp", saved(rgb, "WEBP", quality=80)[:-10], "truncated")
other = Image.fromarray(picture(seed=9)[:, ::-1])
add("animation.webp", saved(rgb, "WEBP", save_all=True, append_images=[other]), "animation")

# ---------------------------------------------------------------------------------------------------------- neither
add("picture.gif", saved(grey, "GIF"), "47 49 46 38")
add("text.jpg", b"this is no image\n", "74 68 69 73")
add("empty.jpg", b"", "empty")


def pillow(data):
    try:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return "%dx%d" % image.size, hashlib.sha256(image.tobytes()).hexdigest()
    except Exception as e:
        return "error", type(e).__name__


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    lines = [
        f"# made by make_images.py with Pillow {PIL.__version__}",
        "# file\tsize or error\tsha256 of RGB, or part of the message\tPillow",
    ]
    for name, (data, error) in sorted(FILES.items()):
        (OUT / name).write_bytes(data)
        size, detail = pillow(data)
        if error is None and size == "error":
            raise SystemExit(f"{name}: Pillow refuses it: {detail}")
        lines.append(
            "\t".join(
                [name, "error", error, size if size != "error" else detail] if error else [name, size, detail, size]
            )
        )
    (OUT / "INDEX.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""The same images in every form that `preprocess pack` reads. Each writer takes {split: [Image, ...]}, in the order of the class folders."""

import dataclasses
import hashlib
import io
import json
import random
import struct
import subprocess
import tarfile
import zlib

WNIDS = ("n01440764", "n02102040", "n03000684")  # in the order of the labels
DEVKIT_NUMBERS = (2, 3, 1)  # of these classes in the development kit, which numbers them otherwise
TARS, MDS_SHARDS = 3, 4  # of a split


@dataclasses.dataclass(frozen=True)
class Image:
    label: int
    stem: str  # of its name: n01440764_10026
    file: bytes

    @property
    def wnid(self):
        return WNIDS[self.label]

    @property
    def name(self):
        return self.stem + ".JPEG"  # whatever it is: ImageNet has a PNG file that is called so


def shuffled(images, seed=7):
    images = list(images)
    random.Random(seed).shuffle(images)
    return images


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def tar_of(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def write_folders(root, splits):
    for split, images in splits.items():
        for image in images:
            write(root / split / image.wnid / image.name, image.file)


# ---------------------------------------------------------------------------------------------------- ImageNet as it is downloaded


def class_tars(images):
    """In no order, as are the images in each."""
    tars = [(wnid + ".tar", tar_of((image.name, image.file) for image in shuffled(images) if image.wnid == wnid)) for wnid in WNIDS]
    return shuffled(tars)


def write_ilsvrc(root, splits):
    write(root / "ILSVRC2012_img_train.tar", tar_of(class_tars(splits["train"])))
    write(root / "ILSVRC2012_img_val.tar", tar_of((image.name, image.file) for image in shuffled(splits["val"])))


def write_ilsvrc_with_truth(root, splits):
    write_ilsvrc(root, splits)
    by_name = sorted(splits["val"], key=lambda image: image.name)
    write(root / "ILSVRC2012_validation_ground_truth.txt", "".join(image.wnid + "\n" for image in by_name))


def write_ilsvrc_with_devkit(root, splits):
    write_ilsvrc(root, splits)
    by_name = sorted(splits["val"], key=lambda image: image.name)
    truth = "".join(f"{DEVKIT_NUMBERS[image.label]}\n" for image in by_name)
    with tarfile.open(root / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as kit:
        for name, data in (("ILSVRC2012_validation_ground_truth.txt", truth.encode()), ("meta.mat", meta_mat())):
            info = tarfile.TarInfo("ILSVRC2012_devkit_t12/data/" + name)
            info.size = len(data)
            kit.addfile(info, io.BytesIO(data))


def meta_mat():
    """The kit's table of classes: a MATLAB 5.0 file with a struct array of the two fields that matter."""

    def element(kind, data):
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    def matrix(array_class, rows, columns, contents):
        return element(14, element(6, struct.pack("<II", array_class, 0)) + element(5, struct.pack("<II", rows, columns)) + contents)

    fields = b"".join(name.ljust(16, b"\0") for name in (b"ILSVRC2012_ID", b"WNID"))
    contents = element(1, b"synsets") + element(5, struct.pack("<I", 16)) + element(1, fields)
    for number, wnid in zip(DEVKIT_NUMBERS, WNIDS):
        contents += matrix(6, 1, 1, element(1, b"") + element(9, struct.pack("<d", number)))
        contents += matrix(4, 1, len(wnid), element(1, b"") + element(4, wnid.encode("utf-16-le")))
    array = matrix(2, len(WNIDS), 1, contents)
    zipped = zlib.compress(array)
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + struct.pack("<II", 15, len(zipped)) + zipped


def write_kaggle(root, splits):
    """Unpacked: training in class folders, validation in one folder with a table."""
    write_folders(root, {"train": splits["train"]})
    rows = ["ImageId,PredictionString\n"]
    for image in shuffled(splits["val"]):
        write(root / "val" / image.name, image.file)
        rows.append(f"{image.stem},{image.wnid} 85 1 499 272 {image.wnid} 9 9 80 90\n")
    write(root / "LOC_val_solution.csv", "".join(rows))


def write_class_tars(root, splits):
    for split, images in splits.items():
        for name, tar in class_tars(images):
            write(root / split / name, tar)


# --------------------------------------------------------------------------------------------------------------------- WebDataset


def write_web_dataset(root, splits, prefix="imagenet-", val="validation", with_class=False, as_json=False):
    for split, images in splits.items():
        images = shuffled(images)
        for tar in range(TARS):
            members = []
            for image in images[tar::TARS]:
                key = f"{image.wnid}/{image.stem}" if with_class else image.stem
                members.append((key + ".jpg", image.file))
                label = json.dumps({"label": image.label, "filename": image.name}) if as_json else str(image.label)
                members.append((key + (".json" if as_json else ".cls"), label.encode()))
            write(root / f"{prefix}{val if split == 'val' else split}-{tar:06}.tar", tar_of(members))


def write_web_dataset_json(root, splits):
    write_web_dataset(root, splits, prefix="", val="val", with_class=True, as_json=True)


# --------------------------------------------------------------------------------------------------------- MosaicML Streaming


def mds_shard(samples, columns):
    """One shard of format mds, version 2: rows of {column: bytes}; `columns` is {name: (encoding, size or None)}."""
    description = json.dumps({"column_names": list(columns), "format": "mds"}).encode()
    bodies = []
    for sample in samples:
        sizes = b"".join(struct.pack("<I", len(sample[name])) for name, (_, size) in columns.items() if size is None)
        bodies.append(sizes + b"".join(sample[name] for name in columns))
    offsets = [4 * (len(bodies) + 2) + len(description)]
    for body in bodies:
        offsets.append(offsets[-1] + len(body))
    return struct.pack(f"<I{len(offsets)}I", len(bodies), *offsets) + description + b"".join(bodies)


def digest_of(name, data):
    digest = hashlib.new(name, data)
    return digest.hexdigest(20) if name.startswith("shake") else digest.hexdigest()


def write_mds(root, splits, zstd=False, with_i=True, hashes=()):
    """@param with_i  as Streaming's own script for ImageNet writes them, shuffled; else the images stand in their order
    @param hashes  what hashlib calls them"""
    columns = {"i": ("int", 8), "x": ("jpeg", None), "y": ("int", 8)}
    if not with_i:
        del columns["i"]
    for split, images in splits.items():
        rows = [{"i": struct.pack("<q", i), "x": image.file, "y": struct.pack("<q", image.label)} for i, image in enumerate(images)]
        rows = shuffled(rows) if with_i else rows
        shards, per_shard = [], -(-len(rows) // MDS_SHARDS)
        for number in range(MDS_SHARDS):
            data, name = mds_shard(rows[number * per_shard : (number + 1) * per_shard], columns), f"shard.{number:05}.mds"
            stored = subprocess.run(["zstd", "-q"], input=data, stdout=subprocess.PIPE, check=True).stdout if zstd else data

            def description(base, content):
                return {"basename": base, "bytes": len(content), "hashes": {name: digest_of(name, content) for name in hashes}}

            shards.append({
                "column_encodings": [encoding for encoding, _ in columns.values()],
                "column_names": list(columns),
                "column_sizes": [size for _, size in columns.values()],
                "compression": "zstd:3" if zstd else None,
                "format": "mds",
                "hashes": list(hashes),
                "raw_data": description(name, data),
                "samples": len(rows[number * per_shard : (number + 1) * per_shard]),
                "size_limit": 1 << 26,
                "version": 2,
                "zip_data": description(name + ".zstd", stored) if zstd else None,
            })
            write(root / split / (name + ".zstd" if zstd else name), stored)
        write(root / split / "index.json", json.dumps({"shards": shards, "version": 2}))

"""Weights go to torch, torchvision and timm and come from there: strictly the same names, the same logits to 1e-5."""

import itertools
import os
import pathlib
import re
import subprocess
import unittest

import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

import job
from program_test import ProgramTest

LOGITS = os.environ.get("MOSAIC_LOGITS", str(job.BIN / "tests/logits"))
NETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
TOLERANCE = 1e-5  # of the largest logit


# The two pieces of Python in the README: how a state dict is loaded, and how a net is blurred.
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
LOAD, BLUR = re.findall(r"```python\n(.*?)```", README.read_text().split("\n## Weights\n")[1].split("\n## ")[0], re.DOTALL)


def with_blur_pool(net):
    exec(BLUR, {"torch": torch, "nn": nn, "net": net})
    return net


def loaded(state_dict):
    """A net of torchvision's, as the README loads it."""
    code = LOAD.replace("resnet50()", "resnet18(num_classes=3)").replace('"resnet50.pth"', repr(str(state_dict)))
    names = {}
    exec(code, names)
    return names["net"].eval()


def fill(net, seed):
    """Weights and statistics as after some training: with those of a new net most mistakes would not show."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var") or name.endswith("bn1.weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.dtype == torch.float32:
            tensor.add_(torch.empty_like(tensor).normal_(0, 0.02, generator=generator))
    return net.eval()


class WeightsTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.images = torch.empty(3, 3, 64, 64).normal_(generator=torch.Generator().manual_seed(5))
        save_file({"images": self.images}, self.folder / "images.safetensors")

    def settings(self, **changes):
        return super().settings(**{"model__width": 64} | changes)  # torchvision's

    def our_logits(self, name, classes, weights, blur=False):
        out = self.folder / "logits.safetensors"
        subprocess.run([LOGITS, name, str(classes), weights, "blurpool" if blur else "plain", self.folder / "images.safetensors", out],
                       check=True, stdout=subprocess.DEVNULL)
        return load_file(out)["logits"]

    def assert_same(self, ours, net):
        with torch.no_grad():
            theirs = net.eval()(self.images)
        self.assertLess(((ours - theirs).abs().max() / theirs.abs().max()).item(), TOLERANCE)

    def test_weights_of_torchvision_give_its_logits_with_and_without_blur_pool(self):
        for name in NETS:
            with self.subTest(net=name):
                net = fill(getattr(torchvision.models, name)(num_classes=7), 3)
                torch.save(net.state_dict(), self.folder / "new.pth")
                files = ["new.pth"]
                if name == NETS[0]:  # the kinds of files know nothing of nets
                    torch.save(net.state_dict(), self.folder / "old.pth", _use_new_zipfile_serialization=False)
                    save_file(net.state_dict(), self.folder / "w.safetensors")
                    files += ["old.pth", "w.safetensors"]
                for file in files:
                    self.assert_same(self.our_logits(name, 7, self.folder / file), net)
                self.assert_same(self.our_logits(name, 7, self.folder / "new.pth", blur=True), with_blur_pool(net))

    def test_weights_of_timm_give_its_logits(self):
        try:
            import timm
        except ImportError as missing:
            self.skipTest(f"skipped: {missing}")
        for name in NETS:
            with self.subTest(net=name):
                net = fill(timm.create_model(name, num_classes=5), 4)
                torch.save({"epoch": 3, "args": pathlib.PurePosixPath("of any class"), "state_dict": net.state_dict()}, self.folder / "timm.pth.tar")
                self.assert_same(self.our_logits(name, 5, self.folder / "timm.pth.tar"), net)

    def test_an_export_loads_strictly_in_torchvision_and_gives_the_same_logits(self):
        for blur in (False, True):
            with self.subTest(blurpool=blur):
                self.log_folder = self.folder / f"run-{blur}"
                algorithms = "{ema: {half_life: 2ba, update_interval: 1ba}" + (", blurpool: {}}" if blur else "}")
                result = job.run(self.settings(log_folder=self.log_folder, max_duration="3ba", algorithms=algorithms))
                self.assertEqual(result.code, job.DONE, result)
                exported = {}
                for file, flags in (("average.pth", []), ("average.safetensors", []), ("raw.pth", ["--raw"])):
                    out = self.folder / file
                    result = job.run(["--export", self.log_folder / "checkpoints", out, *flags])
                    self.assertEqual(result.code, job.DONE, result)
                    exported[file] = load_file(out) if file.endswith("safetensors") else torch.load(out, weights_only=True)
                    if file.endswith(".pth"):
                        net = loaded(out)
                    else:
                        net = torchvision.models.resnet18(num_classes=3).eval()
                        net.load_state_dict(exported[file], strict=True)
                    self.assert_same(self.our_logits("resnet18", 3, out, blur), with_blur_pool(net) if blur else net)
                same = [torch.equal(exported["average.pth"][k], exported["average.safetensors"][k]) for k in exported["average.pth"]]
                self.assertTrue(all(same))
                self.assertFalse(torch.equal(exported["average.pth"]["conv1.weight"], exported["raw.pth"]["conv1.weight"]))

    def test_an_export_of_every_net_loads_strictly_in_torchvision_and_gives_the_same_logits(self):
        every = list(itertools.product(NETS, (False, True)))
        for name, blur in every if os.environ.get("MOSAIC_EXPORTS") == "all" else [("resnet34", False), ("resnet50", True)]:
            with self.subTest(net=name, blurpool=blur):
                trained = self.train("run", model__name=name, max_duration="1ba", train_dataset__crop_size=16, initial_evaluation="false",
                                     save_overwrite="true", algorithms="{blurpool: {}}" if blur else "{}")
                out = self.folder / "out.safetensors"
                result = job.run(["--export", trained / "checkpoints", out])
                self.assertEqual(result.code, job.DONE, result)
                net = getattr(torchvision.models, name)(num_classes=3).eval()
                net.load_state_dict(load_file(out), strict=True)
                self.assert_same(self.our_logits(name, 3, out, blur), with_blur_pool(net) if blur else net)

    def test_a_run_begins_with_given_weights_and_a_new_last_layer_for_other_classes(self):
        net = fill(torchvision.models.resnet18(num_classes=1000), 6)
        torch.save(nn.DataParallel(net).state_dict(), self.folder / "w.pth")  # names begin with "module."
        result = job.run(self.settings(init_from=self.folder / "w.pth", max_duration="1ba", optimizer__lr=1e-30))
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines("which tells 1000 classes apart, this net 3: its last layer begins anew")), 1, result)
        trained = load_file(self.log_folder / "checkpoints/latest/weights.safetensors")
        self.assertTrue(torch.allclose(trained["layer4.1.conv2.weight"], net.state_dict()["layer4.1.conv2.weight"]))

    def test_weights_of_another_net_are_refused(self):
        torch.save(torchvision.models.resnet34(num_classes=3).state_dict(), self.folder / "w.pth")
        result = job.run(self.settings(init_from=self.folder / "w.pth"), 2)
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines(f"init_from: {self.folder}/w.pth has layer1.2.bn1.bias, layer1.2.bn1.running_mean")), 1, result)

    def test_an_export_that_cannot_be_made_says_why(self):
        result = job.run(["--export", self.folder / "nothing", self.folder / "w.pth"])
        self.assertEqual((result.code, result.err), (job.BAD_INPUT, f"mosaic_resnet: --export: there is no {self.folder}/nothing\n"))
        result = job.run(["--export", self.folder, self.folder / "w.pth"])
        self.assertEqual((result.code, result.err), (job.BAD_INPUT, f"mosaic_resnet: --export: no whole checkpoint in {self.folder}\n"))


if __name__ == "__main__":
    unittest.main()
